// Between a client and a service: what goes wrong there, in the order that a test says.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "lib/port/http_client.h"
#include "lib/port/http_server.h"
#include "lib/port/poller.h"

namespace sluice {

// What happens to one request.
enum class Fate {
  kPass,
  kLate,         // its answer comes 300 ms later
  kTwice,        // it arrives twice; the second answer comes back
  kLost,         // it never arrives, and nothing comes back
  kAnswerLost,   // it arrives, and nothing comes back
  kTrouble,      // 500, before it arrives
  kTroubleLate,  // 500, after it has arrived
  kBusy,         // 503 with Retry-After: 1, before it arrives
  kThrottled,    // 400 ThrottlingException, before it arrives
  kGarbage,      // it arrives; 200 with half an answer
};

class Proxy {
 public:
  // Of 127.0.0.1. What has no fate passes.
  Proxy(port::Poller& poller, std::string url);
  [[nodiscard]] std::string url() const;
  void next(std::deque<Fate> fates) { fates_ = std::move(fates); }
  // The service's clock is so far ahead of this machine's: it refuses what was signed more than
  // five minutes off it, and says its time.
  void clock_ahead(Duration ahead) { ahead_ = ahead; }
  // It refuses keys with another session token.
  void only_token(std::string token) { token_ = std::move(token); }
  // How many came.
  [[nodiscard]] std::size_t requests() const { return requests_; }

 private:
  using Answered = std::function<void(const port::HttpAnswer&)>;
  void take(const port::HttpRequest& request);
  [[nodiscard]] std::optional<port::HttpResponse> refusal(const port::HttpRequest& request) const;
  void forward(const port::HttpRequest& request, Answered done);
  void answer(std::uint64_t id, const port::HttpAnswer& with);

  port::Poller& poller_;
  std::string url_;
  std::deque<Fate> fates_;
  Duration ahead_;
  std::string token_;  // empty: any
  std::size_t requests_ = 0;
  port::HttpClient client_;
  std::unique_ptr<port::HttpServer> server_;
};

}  // namespace sluice
