// A small HTTP client on the poller (libcurl multi), for webhooks and the like: one request, one
// answer, whose body is thrown away unless asked for. Not for attempts: those have rules of their
// own (dispatcher/http.h).
//
// http and https only, certificates verified, no redirects, no proxies, HTTP/1.1. At most 256
// connections: what needs another one waits, within its timeout.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/instant.h"
#include "lib/base/result.h"
#include "lib/port/poller.h"

namespace sluice::port {

struct HttpCall {
  std::string method = "POST";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Duration connect_timeout = seconds(5);
  Duration timeout = seconds(10);        // of all of it
  std::size_t body_max = 0;              // so many bytes of the answer's body are kept
  std::vector<std::string> fields = {};  // of the answer's header that are wanted, in lower case
};

struct HttpAnswer {
  int status = 0;             // 0: no answer; the server may have got the request nevertheless
  std::string error;          // then: why
  Duration retry_after = {};  // Retry-After of the answer, from now on; 0: it said none
  std::string body = {};      // its first body_max bytes
  std::map<std::string, std::string> fields = {};  // those wanted that it has; of several, the last
  bool timed_out = false;                          // no answer within the call's timeouts
};

class HttpClient {
 public:
  using Done = std::function<void(const HttpAnswer&)>;

  // `ca_file`: the authorities that it trusts; empty: the system's.
  explicit HttpClient(Poller& poller, std::string ca_file = {});
  ~HttpClient();  // what is under way is not answered
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Calls `done` once, later, from inside the loop.
  void send(HttpCall call, Done done);
  [[nodiscard]] std::size_t under_way() const;

  // Nothing when libcurl takes it for an http(s) URL with a host; else what is wrong with it.
  static Status check_url(const std::string& url);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::port
