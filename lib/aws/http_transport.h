// The world of a client: HTTP by lib/port, on the poller's loop.
#pragma once

#include "lib/aws/client.h"
#include "lib/port/http_client.h"
#include "lib/port/poller.h"

namespace sluice::aws {

class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(port::Poller& poller) : poller_(poller), http_(poller) {}
  void send(HttpRequest request, Limits limits, std::function<void(HttpText)> done) override;
  void after(Duration wait, std::function<void()> run) override;
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] StoreTime wall() const override;

 private:
  port::Poller& poller_;
  port::HttpClient http_;
};

}  // namespace sluice::aws
