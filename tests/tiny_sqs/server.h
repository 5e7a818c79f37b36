// The service behind HTTP, on somebody's loop: POST / as SQS has it (JSON 1.0), and GET /counts. No
// signature is looked at.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/port/http_server.h"
#include "lib/port/poller.h"
#include "tests/tiny_sqs/service.h"

namespace sluice::tiny_sqs {

class Server {
 public:
  // On 127.0.0.1; port 0: any free one.
  explicit Server(port::Poller& poller, std::uint16_t port = 0);
  [[nodiscard]] std::string url() const;

 private:
  void answer(const port::HttpRequest& request);
  void turn();
  [[nodiscard]] Now now() const;

  port::Poller& poller_;
  std::optional<Service> service_;
  std::unique_ptr<port::HttpServer> server_;
  std::optional<port::TimerId> timer_;
  Instant timer_at_ = Instant::never();
};

}  // namespace sluice::tiny_sqs
