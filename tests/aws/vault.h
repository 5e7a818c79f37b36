// A world whose Secrets Manager says what the test says.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lib/aws/client.h"
#include "lib/base/calendar.h"

namespace sluice::aws {

class Vault final : public Transport, public KeySource {
 public:
  void send(HttpRequest request, Limits, std::function<void(HttpText)> done) override {
    asked.push_back(request.body);
    HttpText answer;
    answer.status = status;
    answer.body = body;
    if (!holds) return done(std::move(answer));
    held.push_back([answer, done = std::move(done)] { done(answer); });
  }
  void after(Duration wait, std::function<void()> run) override { time = time + wait, run(); }
  [[nodiscard]] Instant now() const override { return time; }
  [[nodiscard]] StoreTime wall() const override { return *parse_time("2026-11-21T12:00:00Z"); }
  void ask(std::function<void(Result<Keys>)> done) override { done(Keys{"A", "s", ""}); }
  void doubt(const Keys&) override {}
  void says(const std::string& text) { body = R"({"SecretString":")" + text + R"("})"; }

  std::uint32_t status = 200;
  std::string body = R"({"SecretString":"{\"user\":\"u\",\"word\":\"hunter2\"}"})";
  bool holds = false;
  std::deque<std::function<void()>> held;
  std::vector<std::string> asked;
  Instant time{1'000'000'000};
};

}  // namespace sluice::aws
