// An HTTP/1.1 server on the poller (libmicrohttpd without threads). A handler gets whole requests
// and answers now or later, in any order, by id. What is not clearly one request is refused before
// the handler sees it: 400 and Connection: close for a Host that is missing, empty or double, two
// Content-Lengths, a Content-Length that is no number, one next to Transfer-Encoding, a
// Transfer-Encoding other than chunked, a header name that is no token, a broken %-escape in the
// query; 413, 431 for what is too
// large; 408 or a close for who is too slow; 503 beyond requests_max.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/port/http_check.h"
#include "lib/port/json_text.h"
#include "lib/port/poller.h"

namespace sluice::port {

struct HttpRequest {
  std::uint64_t id = 0;
  std::string method;
  std::string path;   // as sent, still %-encoded, without the query
  std::string query;  // what follows '?', without it
  HttpHeaders headers;
  std::string body;
  bool from_here = false;  // over loopback

  // The first header of that name, whatever its case; nullptr when there is none.
  [[nodiscard]] const std::string* header(std::string_view name) const;
  // The decoded value of a query parameter; nullopt when it is not there.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  HttpHeaders headers = {};
};

struct HttpServerConfig {
  std::string listen = "127.0.0.1:8080";  // address:port, [v6]:port; port 0: any free one
  std::size_t body_max = 1024 * 1024;
  std::size_t header_bytes_max = 32 * 1024;  // of the request line and all headers
  std::uint32_t connections_max = 1000;
  std::uint32_t requests_max = 10'000;  // handed to the handler and not answered
  Duration idle_timeout = seconds(30);  // of a connection on which nothing moves
};

class HttpServer {
 public:
  // Must not block. May call respond() at once, or later from anywhere in the loop.
  using Handler = std::function<void(HttpRequest request)>;

  // kUnavailable when the port is taken: the error names it.
  static Result<std::unique_ptr<HttpServer>> open(Poller& poller, HttpServerConfig config,
                                                  Handler handler);
  ~HttpServer();  // answers what is open with 503
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Each request once; an id whose client has gone (or that is not known) is ignored.
  void respond(std::uint64_t id, HttpResponse response);
  // Takes no new connections from now on; open requests are still answered.
  void stop_listening();

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::size_t open_requests() const;

  struct Daemon;

 private:
  explicit HttpServer(std::unique_ptr<Daemon> daemon);
  std::unique_ptr<Daemon> daemon_;
};

// "application/problem+json" (RFC 9457): {"status":..,"title":..,"detail":..}; `field` when it is
// about one.
HttpResponse problem(int status, std::string_view title, std::string_view detail,
                     std::string_view field = {});
// The first parameter in which a '%' is not followed by two hex digits: the handler sees no request
// that has one.
std::optional<std::string> broken_parameter(std::string_view query);

}  // namespace sluice::port
