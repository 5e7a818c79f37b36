// The world of a client: HTTP by lib/port, on the poller's loop.
#pragma once

#include <memory>
#include <string>

#include "lib/aws/client.h"
#include "lib/port/http_client.h"
#include "lib/port/poller.h"

namespace sluice::aws {

class HttpTransport final : public Transport {
 public:
  // Once it has gone nothing that it was given is called.
  explicit HttpTransport(port::Poller& poller, const std::string& ca_file = {})
      : poller_(poller), http_(poller, ca_file) {}
  void send(HttpRequest request, Limits limits, std::function<void(HttpText)> done) override;
  void after(Duration wait, std::function<void()> run) override;
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] StoreTime wall() const override;

 private:
  port::Poller& poller_;
  port::HttpClient http_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace sluice::aws
