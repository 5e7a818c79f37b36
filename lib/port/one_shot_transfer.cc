#include "lib/port/one_shot_transfer.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "lib/base/ascii.h"
#include "lib/base/check.h"
#include "lib/port/address.h"
#include "lib/port/clock.h"

namespace sluice::port {

namespace {

constexpr std::size_t kFieldMax = 512;  // of a header field that is kept
constexpr std::size_t kFieldsMax = 16;
constexpr long kReadAtOnce = 4096;  // bytes: answers are small, and each attempt has its own buffer
constexpr long kLifetimeMax_s = 600;  // of a connection

template <class Value>
void set(void* easy, CURLoption option, Value value) {
  CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

long ms(Duration span) { return static_cast<long>(std::max<std::int64_t>(1, span.us / 1000)); }

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
    case CURLE_HTTP2:
      return "HTTP/2 broken";
    case CURLE_HTTP2_STREAM:
      return "stream reset before the answer";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return "no HTTP answer";
    default:
      return "connection failed";
  }
}

long idle_seconds(Duration keep_idle) { return static_cast<long>(keep_idle.us / 1'000'000); }

}  // namespace

struct OneShotTransfer::Calls {
  // Called before every send of this attempt's bytes, libcurl's own second tries included: the
  // first passes, no other does. A second one means that the first may have arrived.
  static constexpr auto kBeforeSend = [](void* self, char*, char* local_ip, int,
                                         int local_port) -> int {
    auto& transfer = *static_cast<OneShotTransfer*>(self);
    if (transfer.sent_) return CURL_PREREQFUNC_ABORT;
    const auto longest = transfer.may_send_(transfer.shot_.id);
    transfer.denied_ = !longest || !transfer.keep_to(*longest, local_ip, local_port);
    if (transfer.denied_) return CURL_PREREQFUNC_ABORT;
    transfer.sent_ = port::steady_now();
    return CURL_PREREQFUNC_OK;
  };

  // The resolved address decides, not the name.
  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* to) {
    auto& transfer = *static_cast<OneShotTransfer*>(self);
    if (!transfer.config_.allow_link_local && is_link_local(address_bytes(&to->addr))) {
      transfer.refused_ = true;
      return CURL_SOCKET_BAD;
    }
    return transfer.sockets_.open(to->family, to->socktype, to->protocol);
  }

  // By then its request may be over, and the connection was kept for others.
  static int close_socket(void* sockets, curl_socket_t fd) {
    return static_cast<ShotSockets*>(sockets)->close(fd);
  }

  // Before the first byte: what the kernel has not delivered when the attempt ends, or when this
  // process dies, it throws away instead of delivering it late.
  static int prepare_socket(void* self, curl_socket_t fd, curlsocktype) {
    const auto& transfer = *static_cast<OneShotTransfer*>(self);
    const linger reset_at_close{1, 0};
    const bool done =
        ShotSockets::limit(fd, transfer.config_.timeout) &&
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset_at_close, sizeof reset_at_close) == 0;
    return done ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
  }

  static std::size_t header(char* bytes, std::size_t, std::size_t count, void* self) {
    static_cast<OneShotTransfer*>(self)->take_header({bytes, count});
    return count;
  }

  // Read, so that the connection can be used again; its beginning is kept. Too much ends the
  // transfer; the status is known by then.
  static std::size_t body(char* bytes, std::size_t, std::size_t count, void* self) {
    auto& transfer = *static_cast<OneShotTransfer*>(self);
    const std::size_t kept = transfer.config_.answer_kept;
    if (transfer.body_.size() < kept) {
      transfer.body_.append(bytes, std::min(count, kept - transfer.body_.size()));
    }
    transfer.body_read_ += count;
    return transfer.body_read_ <= transfer.config_.answer_max ? count : 0;
  }
};

OneShotTransfer::OneShotTransfer(OneShot shot, const OneShotConfig& config, ShotSockets& sockets,
                                 MaySend may_send)
    : shot_(std::move(shot)),
      config_(config),
      sockets_(sockets),
      may_send_(std::move(may_send)),
      easy_(curl_easy_init()) {
  CHECK(easy_ != nullptr);
  curl_slist* list = curl_slist_append(nullptr, "Expect:");  // none: the body follows at once
  for (const std::string& line : shot_.header_lines) list = curl_slist_append(list, line.c_str());
  headers_ = list;
  set_request();
  set_connection();
  set_calls();
}

OneShotTransfer::~OneShotTransfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(static_cast<curl_slist*>(headers_));
}

void OneShotTransfer::set_request() {
  set(easy_, CURLOPT_URL, shot_.url.c_str());
  set(easy_, CURLOPT_PATH_AS_IS, 1L);  // join_url() has resolved it
  set(easy_, CURLOPT_BUFFERSIZE, kReadAtOnce);
  set(easy_, CURLOPT_HTTPHEADER, headers_);
  set(easy_, CURLOPT_USERAGENT, "sluice");
  if (shot_.method == "HEAD") {
    set(easy_, CURLOPT_NOBODY, 1L);
  } else if (shot_.method == "GET" && shot_.body.empty()) {
    set(easy_, CURLOPT_HTTPGET, 1L);
  } else {
    set(easy_, CURLOPT_POST, 1L);
    set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(shot_.body.size()));
    set(easy_, CURLOPT_POSTFIELDS, shot_.body.data());
    if (shot_.method != "POST") set(easy_, CURLOPT_CUSTOMREQUEST, shot_.method.c_str());
  }
}

void OneShotTransfer::set_connection() {
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  const bool tls = shot_.url.starts_with("https:");
  set(easy_, CURLOPT_HTTP_VERSION,
      static_cast<long>(!config_.http2 ? CURL_HTTP_VERSION_1_1
                        : tls          ? CURL_HTTP_VERSION_2TLS
                                       : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
  set(easy_, CURLOPT_PROXY, "");  // not even the environment's
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  // Else giving up waits for the thread that resolves the name, and everybody with it.
  set(easy_, CURLOPT_QUICK_EXIT, 1L);
  set(easy_, CURLOPT_TCP_FASTOPEN, 0L);
  set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!config_.ca_file.empty()) {
    set(easy_, CURLOPT_CAINFO, config_.ca_file.c_str());
    set(easy_, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, ms(config_.connect_timeout));
  set(easy_, CURLOPT_TIMEOUT_MS, ms(config_.connect_timeout + config_.timeout));
  // libcurl counts whole seconds and takes "more than": one less is "less than keep_idle".
  set(easy_, CURLOPT_MAXAGE_CONN, std::max(0L, idle_seconds(config_.keep_idle) - 1));
  set(easy_, CURLOPT_MAXLIFETIME_CONN, kLifetimeMax_s);
  close_connection();  // unless a final status comes
}

void OneShotTransfer::set_calls() {
  void* self = this;
  set(easy_, CURLOPT_PRIVATE, self);
  curl_prereq_callback before_send = Calls::kBeforeSend;
  set(easy_, CURLOPT_PREREQFUNCTION, before_send);
  set(easy_, CURLOPT_PREREQDATA, self);
  set(easy_, CURLOPT_OPENSOCKETFUNCTION, &Calls::open_socket);
  set(easy_, CURLOPT_OPENSOCKETDATA, self);
  set(easy_, CURLOPT_CLOSESOCKETFUNCTION, &Calls::close_socket);
  set(easy_, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(&sockets_));
  set(easy_, CURLOPT_SOCKOPTFUNCTION, &Calls::prepare_socket);
  set(easy_, CURLOPT_SOCKOPTDATA, self);
  set(easy_, CURLOPT_HEADERFUNCTION, &Calls::header);
  set(easy_, CURLOPT_HEADERDATA, self);
  set(easy_, CURLOPT_WRITEFUNCTION, &Calls::body);
  set(easy_, CURLOPT_WRITEDATA, self);
}

// Status lines, header fields and the empty line after them; interim answers (1xx) come before the
// final one, trailers after it. 101 is final: nothing was offered that could be switched to.
void OneShotTransfer::take_header(std::string_view line) {
  if (answered_) return;  // trailers say nothing of the answer
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {
    const std::size_t space = line.find(' ');
    status_ = 0;
    if (space != std::string_view::npos) {
      std::from_chars(line.data() + space + 1, line.data() + line.size(), status_);
    }
    return;
  }
  if (!line.empty()) return take_field(line);
  answered_ = status_ == 101 || (status_ >= 200 && status_ <= 999);
  const bool kept = answered_ && idle_seconds(config_.keep_idle) >= 1;
  if (kept) set(easy_, CURLOPT_FORBID_REUSE, 0L);
}

void OneShotTransfer::take_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || status_ < 200 || fields_.size() >= kFieldsMax) return;
  std::string name = lower_case(line.substr(0, colon));
  if (!config_.wants(name)) return;
  fields_.emplace_back(std::move(name), line.substr(colon + 1, kFieldMax));
}

// A connection that is used again still has what the request before it was given; a new one has the
// timeout, which is long enough.
bool OneShotTransfer::keep_to(Duration longest, std::string_view local_ip, int local_port) {
  longest_ = longest;
  return sockets_.limit(local_ip, local_port, longest) || longest >= config_.timeout;
}

void OneShotTransfer::close_connection() { set(easy_, CURLOPT_FORBID_REUSE, 1L); }

ShotResult OneShotTransfer::as(ShotEnd end, std::string_view why, Instant now) const {
  ShotResult ended;
  ended.id = shot_.id;
  ended.end = end;
  ended.reason = why;
  ended.ended = now;
  ended.sent = sent_;
  if (end == ShotEnd::kAnswered) {
    ended.status = status_;
    ended.fields = fields_;
    ended.body = body_;
  }
  return ended;
}

ShotResult OneShotTransfer::ended(int code, Instant now) const {
  if (denied_) return as(ShotEnd::kDenied, {}, now);
  if (!sent_ && refused_) return as(ShotEnd::kAddress, "address", now);
  if (!sent_) return as(ShotEnd::kNotConnected, why(code), now);
  if (answered_) return as(ShotEnd::kAnswered, {}, now);
  return as(ShotEnd::kUnknown, why(code), now);
}

ShotResult OneShotTransfer::timed_out(Instant now) const {
  const std::string_view why = longest_ < config_.timeout ? "deadline" : "timeout";
  return as(answered_ ? ShotEnd::kAnswered : ShotEnd::kUnknown, why, now);
}

}  // namespace sluice::port
