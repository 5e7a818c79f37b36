#include "dispatcher/transfer.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "dispatcher/lane.h"
#include "lib/base/check.h"
#include "lib/port/clock.h"

namespace sluice::dispatcher {

namespace {

constexpr std::size_t kFieldMax = 256;  // of a header field that is kept
constexpr long kLifetimeMax_s = 600;    // of a connection

template <class Value>
void set(void* easy, CURLoption option, Value value) {
  CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

long ms(Duration span) { return static_cast<long>(std::max<std::int64_t>(1, span.us / 1000)); }

std::string line_of(std::string_view name, std::string_view value) {
  std::string line(name);
  line += value.empty() ? ";" : ": ";
  line += value;
  return line;
}

std::string_view why(int code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "name not resolved";
    case CURLE_COULDNT_CONNECT:
      return "not connected";
    case CURLE_OPERATION_TIMEDOUT:
      return "timeout";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "certificate not trusted";
    case CURLE_SSL_CONNECT_ERROR:
      return "TLS failed";
    case CURLE_SSL_CACERT_BADFILE:
      return "ca_file cannot be read";
    case CURLE_GOT_NOTHING:
      return "closed without an answer";
    case CURLE_SEND_ERROR:
      return "reset while sending";
    case CURLE_RECV_ERROR:
      return "reset before the answer";
    case CURLE_PARTIAL_FILE:
      return "answer cut short";
    case CURLE_ABORTED_BY_CALLBACK:
      return "connection lost before the answer";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return "no HTTP answer";
    default:
      return "connection failed";
  }
}

std::span<const std::uint8_t> address_bytes(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return {reinterpret_cast<const std::uint8_t*>(&v4->sin_addr), 4};
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    return {reinterpret_cast<const std::uint8_t*>(&v6->sin6_addr), 16};
  }
  return {};
}

}  // namespace

std::vector<std::string> header_lines(const Upstream& upstream, const StartHttp& call,
                                      std::string_view credential) {
  std::vector<std::pair<std::string_view, std::string_view>> ours;
  for (const auto& [name, value] : upstream.headers) ours.emplace_back(name, value);
  ours.emplace_back("Idempotency-Key", call.idempotency_key);
  if (!call.traceparent.empty()) ours.emplace_back("traceparent", call.traceparent);
  if (!credential.empty()) ours.emplace_back(upstream.credential_header, credential);
  std::vector<std::string> lines = {"Expect:"};  // none: the body follows at once
  bool typed = call.request.body.empty();
  for (const wire::Header& header : call.request.headers) {
    const bool replaced = std::any_of(ours.begin(), ours.end(), [&](const auto& own) {
      return equals_ignoring_case(own.first, header.name);
    });
    if (replaced) continue;
    lines.push_back(line_of(header.name, header.value));
    typed = typed || equals_ignoring_case(header.name, "content-type");
  }
  for (const auto& [name, value] : ours) {
    lines.push_back(line_of(name, value));
    typed = typed || equals_ignoring_case(name, "content-type");
  }
  if (!typed) lines.emplace_back("Content-Type: application/json");
  return lines;
}

struct Transfer::Calls {
  // Called before every send of this attempt's bytes, libcurl's own second tries included: the
  // first passes, no other does. A second one means that the first may have arrived.
  static int before_send(void* self, char*, char*, int, int) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (transfer.sent_) return CURL_PREREQFUNC_ABORT;
    transfer.denied_ = !transfer.may_start_(transfer.call_.attempt);
    if (transfer.denied_) return CURL_PREREQFUNC_ABORT;
    transfer.sent_ = port::steady_now();
    return CURL_PREREQFUNC_OK;
  }

  // The resolved address decides, not the name.
  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* to) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (!transfer.rules_.allow_link_local && is_link_local(address_bytes(&to->addr))) {
      transfer.off_lane_ = true;
      return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  }

  // Before the first byte: what the kernel has not delivered when the attempt ends, or when this
  // process dies, it throws away instead of delivering it late.
  static int prepare_socket(void* self, curl_socket_t fd, curlsocktype) {
    const auto& transfer = *static_cast<Transfer*>(self);
    const unsigned timeout = static_cast<unsigned>(ms(transfer.rules_.upstream->timeout));
    const linger reset_at_close{1, 0};
    const bool done =
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset_at_close, sizeof reset_at_close) == 0;
    return done ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
  }

  static std::size_t header(char* bytes, std::size_t, std::size_t count, void* self) {
    static_cast<Transfer*>(self)->take_header({bytes, count});
    return count;
  }

  // Read, so that the connection can be used again, and dropped. Too much ends the transfer; the
  // status is known by then.
  static std::size_t body(char*, std::size_t, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.body_ += count;
    return transfer.body_ <= transfer.rules_.answer_max ? count : 0;
  }
};

Transfer::Transfer(StartHttp call, std::string url, std::vector<std::string> headers,
                   TransferRules rules, MayStart may_start)
    : call_(std::move(call)),
      url_(std::move(url)),
      rules_(rules),
      may_start_(std::move(may_start)),
      easy_(curl_easy_init()) {
  CHECK(easy_ != nullptr);
  curl_slist* list = nullptr;
  for (const std::string& line : headers) list = curl_slist_append(list, line.c_str());
  headers_ = list;
  set_request();
  set_connection();
  set_calls();
}

Transfer::~Transfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(static_cast<curl_slist*>(headers_));
}

void Transfer::set_request() {
  set(easy_, CURLOPT_URL, url_.c_str());
  set(easy_, CURLOPT_PATH_AS_IS, 1L);  // join_url() has resolved it
  set(easy_, CURLOPT_HTTPHEADER, headers_);
  set(easy_, CURLOPT_USERAGENT, "sluice");
  const wire::Request& request = call_.request;
  if (request.method == "HEAD") {
    set(easy_, CURLOPT_NOBODY, 1L);
  } else if (request.method == "GET" && request.body.empty()) {
    set(easy_, CURLOPT_HTTPGET, 1L);
  } else {
    set(easy_, CURLOPT_POST, 1L);
    set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(easy_, CURLOPT_POSTFIELDS, request.body.data());
    if (request.method != "POST") set(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void Transfer::set_connection() {
  const Upstream& upstream = *rules_.upstream;
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy_, CURLOPT_PROXY, "");  // not even the environment's
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_TCP_FASTOPEN, 0L);
  set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!upstream.ca_file.empty()) {
    set(easy_, CURLOPT_CAINFO, upstream.ca_file.c_str());
    set(easy_, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, ms(upstream.connect_timeout));
  set(easy_, CURLOPT_TIMEOUT_MS, ms(upstream.connect_timeout + upstream.timeout));
  // libcurl counts whole seconds and takes "more than": one less is "less than keep_idle".
  const long idle_s = static_cast<long>(upstream.keep_idle.us / 1'000'000);
  set(easy_, CURLOPT_MAXAGE_CONN, std::max(0L, idle_s - 1));
  set(easy_, CURLOPT_MAXLIFETIME_CONN, kLifetimeMax_s);
  if (idle_s < 1) set(easy_, CURLOPT_FORBID_REUSE, 1L);
}

void Transfer::set_calls() {
  void* self = this;
  set(easy_, CURLOPT_PRIVATE, self);
  set(easy_, CURLOPT_PREREQFUNCTION, &Calls::before_send);
  set(easy_, CURLOPT_PREREQDATA, self);
  set(easy_, CURLOPT_OPENSOCKETFUNCTION, &Calls::open_socket);
  set(easy_, CURLOPT_OPENSOCKETDATA, self);
  set(easy_, CURLOPT_SOCKOPTFUNCTION, &Calls::prepare_socket);
  set(easy_, CURLOPT_SOCKOPTDATA, self);
  set(easy_, CURLOPT_HEADERFUNCTION, &Calls::header);
  set(easy_, CURLOPT_HEADERDATA, self);
  set(easy_, CURLOPT_WRITEFUNCTION, &Calls::body);
  set(easy_, CURLOPT_WRITEDATA, self);
}

// Status lines, header fields and the empty line after them; interim answers (1xx) come before the
// final one.
void Transfer::take_header(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    const std::size_t space = line.find(' ');
    status_ = 0;
    if (space != std::string_view::npos) {
      std::from_chars(line.data() + space + 1, line.data() + line.size(), status_);
    }
    return;
  }
  if (line.empty()) {
    answered_ = answered_ || (status_ >= 200 && status_ <= 999);
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || status_ < 200) return;
  const std::string_view name = line.substr(0, colon);
  if (equals_ignoring_case(name, "retry-after")) {
    retry_after_ = line.substr(colon + 1, kFieldMax);
  } else if (equals_ignoring_case(name, "date")) {
    date_ = line.substr(colon + 1, kFieldMax);
  }
}

HttpEnded Transfer::as(HttpEnd end, std::string_view why, Instant now) const {
  HttpEnded ended;
  ended.attempt = call_.attempt;
  ended.end = end;
  ended.reason = why;
  ended.ended = now;
  ended.sent = sent_;
  if (end == HttpEnd::kAnswered) {
    ended.status = status_;
    ended.retry_after = retry_after_;
    ended.date = date_;
  }
  return ended;
}

HttpEnded Transfer::ended(int code, Instant now) const {
  if (denied_) return as(HttpEnd::kDenied, {}, now);
  if (!sent_ && off_lane_) return as(HttpEnd::kLane, "address", now);
  if (!sent_) return as(HttpEnd::kNotConnected, why(code), now);
  if (answered_) return as(HttpEnd::kAnswered, {}, now);
  return as(HttpEnd::kUnknown, why(code), now);
}

HttpEnded Transfer::stopped(std::string_view why, Instant now) const {
  if (!sent_) return as(HttpEnd::kNotConnected, why, now);
  return as(answered_ ? HttpEnd::kAnswered : HttpEnd::kUnknown, why, now);
}

}  // namespace sluice::dispatcher
