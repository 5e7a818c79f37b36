// A session with an emulator, and its loop. Names are of one test and of one run of it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "lib/aws/session.h"
#include "lib/port/clock.h"
#include "lib/port/random.h"
#include "tests/emulators/emulator.h"

namespace sluice::aws {

class EmulatorTest : public ::testing::TestWithParam<Emulator> {
 protected:
  virtual Emulator emulator() { return GetParam(); }

  void SetUp() override {
    if (const std::string why = why_absent(emulator()); !why.empty()) GTEST_SKIP() << why;
    const std::string url = url_of(emulator());
    if (url.empty()) return;
    setenv("AWS_ACCESS_KEY_ID", "test", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "test", 1);
    unsetenv("AWS_SESSION_TOKEN");
    auto opened = Session::open(poller_, {"us-east-1", url}, std::nullopt);
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    session_ = std::move(*opened);
  }
  Client& client() { return session_->client(); }

  void run_until(const std::function<bool()>& happened) {
    const Instant last = port::steady_now() + seconds(30);
    while (!happened() && port::steady_now() < last) poller_.poll(last);
    ASSERT_TRUE(happened()) << "not within 30 s";
  }
  Outcome call(Request request) {
    std::optional<Outcome> how;
    client().call(std::move(request), [&](Outcome outcome) { how = std::move(outcome); });
    run_until([&] { return how.has_value(); });
    return how.value_or(Outcome{});
  }
  // What only tests ask for: it has no row in operation.h.
  Outcome prepare(std::string_view service, const std::string& operation, std::string body) {
    Request request{service, operation};
    request.body = std::move(body);
    Outcome how = call(std::move(request));
    EXPECT_FALSE(how.fault) << operation << ": " << how.fault->code << " " << how.fault->message;
    return how;
  }
  static std::string named(const std::string& name) {
    return name + "-" + std::to_string(port::random_id() % 1'000'000'000);
  }

  port::Poller poller_;
  std::unique_ptr<Session> session_;
};

// Of what several emulators have.
inline std::string emulator_name(const ::testing::TestParamInfo<Emulator>& info) {
  return name_of(info.param);
}

// Of what moto alone has.
class MotoTest : public EmulatorTest {
 protected:
  Emulator emulator() override { return Emulator::kMoto; }
};

}  // namespace sluice::aws
