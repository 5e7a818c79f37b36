// The service behind HTTP, on somebody's loop. POST / as DynamoDB has it (JSON 1.0); for tests
// POST /tiny sets troubles ({"throttle": 2, "conflict": 1, "unprocessed": 1, "page_bytes": 4096})
// or lets what has lived its time go ({"now": seconds}), and GET /tiny counts calls and units. No
// signature is looked at.
#pragma once

#include <memory>
#include <string>

#include "lib/port/http_server.h"
#include "lib/port/poller.h"
#include "tests/tiny_dynamodb/service.h"

namespace sluice::tiny {

class Server {
 public:
  // On 127.0.0.1; port 0: any free one.
  explicit Server(port::Poller& poller, std::uint16_t port = 0);
  [[nodiscard]] std::string url() const;
  Service& service() { return service_; }

 private:
  [[nodiscard]] port::HttpResponse answer(const port::HttpRequest& request);
  [[nodiscard]] port::HttpResponse control(const port::HttpRequest& request);

  port::Poller& poller_;
  Service service_;
  std::unique_ptr<port::HttpServer> server_;
};

}  // namespace sluice::tiny
