#include "dispatcher/http.h"

#include <curl/curl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <csignal>

#include "dispatcher/lane.h"
#include "lib/base/check.h"
#include "lib/port/clock.h"

namespace sluice::dispatcher {

// A multi handle on the poller. It must not move: libcurl keeps its address.
struct Http::Pool {
  Pool(Http& owner, const Upstream& to, BaseUrl base)
      : http(owner), upstream(to), url(std::move(base)), multi(curl_multi_init()) {
    CHECK(multi != nullptr);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Pool::on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Pool::on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(to.in_flight));
  }
  ~Pool() {
    http.poller_.cancel(timer);
    curl_multi_cleanup(multi);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    auto& pool = *static_cast<Pool*>(self);
    if (what == CURL_POLL_REMOVE) {
      pool.http.poller_.unwatch_fd(fd);
      return 0;
    }
    const std::uint32_t events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    pool.http.poller_.watch_fd(fd, events, [&pool, fd](std::uint32_t happened) {
      const int bits = ((happened & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                       ((happened & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                       ((happened & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
      pool.act(fd, bits);
    });
    return 0;
  }

  static int on_timer(CURLM*, long wait_ms, void* self) {
    auto& pool = *static_cast<Pool*>(self);
    pool.http.poller_.cancel(pool.timer);
    pool.timer = {};
    if (wait_ms >= 0) {
      pool.timer = pool.http.poller_.at(port::steady_now() + milliseconds(wait_ms),
                                        [&pool] { pool.act(CURL_SOCKET_TIMEOUT, 0); });
    }
    return 0;
  }

  void act(curl_socket_t fd, int bits) {
    int running = 0;
    CHECK(curl_multi_socket_action(multi, fd, bits, &running) == CURLM_OK);
    http.collect(*this);
  }

  Http& http;
  const Upstream& upstream;
  BaseUrl url;
  CURLM* multi;
  port::TimerId timer;
};

Http::Http(port::Poller& poller, HttpConfig config, Hooks hooks)
    : poller_(poller), config_(std::move(config)), hooks_(std::move(hooks)) {
  // A peer that resets while libcurl writes must not end this process.
  std::signal(SIGPIPE, SIG_IGN);
  CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

Http::~Http() {
  while (!transfers_.empty()) stop(wire::Attempt(transfers_.begin()->first));
  pools_.clear();
  curl_global_cleanup();
}

Result<std::unique_ptr<Http>> Http::open(port::Poller& poller, HttpConfig config, Hooks hooks) {
  std::unique_ptr<Http> http(new Http(poller, std::move(config), std::move(hooks)));
  for (const Upstream& upstream : http->config_.upstreams) {
    if (auto added = http->add_pool(upstream); !added) {
      return Error{added.error().code, "upstream " + upstream.name + ": " + added.error().what};
    }
  }
  return http;
}

Status Http::add_pool(const Upstream& upstream) {
  auto url = parse_base_url(upstream.url);
  if (!url) return url.error();
  if (!upstream.credential.empty()) {
    if (auto usable = Secrets::check(upstream.credential); !usable) return usable.error();
    if (!is_token(upstream.credential_header)) {
      return Error{Trouble::kSettings, "credential_header is no header's name"};
    }
  }
  for (const auto& [name, value] : upstream.headers) {
    if (!is_token(name) || !is_field_value(value)) {
      return Error{Trouble::kSettings, "headers: not a header: " + name};
    }
  }
  for (const std::string& method : upstream.methods) {
    if (!is_token(method)) return Error{Trouble::kSettings, "methods: not a method: " + method};
  }
  pools_[upstream.name] = std::make_unique<Pool>(*this, upstream, std::move(*url));
  return Done{};
}

HttpEnded Http::refused(const StartHttp& call, HttpEnd end, std::string_view why) const {
  HttpEnded ended;
  ended.attempt = call.attempt;
  ended.end = end;
  ended.reason = why;
  ended.ended = port::steady_now();
  return ended;
}

void Http::start(StartHttp call) {
  const auto found = pools_.find(call.upstream);
  CHECK(found != pools_.end());  // the core knows the same upstreams
  CHECK(!transfers_.contains(call.attempt));
  Pool& pool = *found->second;
  if (const auto fault = lane_fault(pool.upstream, call.request)) {
    return hooks_.ended(refused(call, HttpEnd::kLane, *fault));
  }
  auto url = join_url(pool.url, call.request.path);
  if (!url) return hooks_.ended(refused(call, HttpEnd::kLane, url.error().what));
  Result<std::string> credential = std::string();
  if (!pool.upstream.credential.empty()) credential = secrets_.resolve(pool.upstream.credential);
  if (!credential) {
    trouble_ = "upstream " + pool.upstream.name + ": " + credential.error().what;
    return hooks_.ended(refused(call, HttpEnd::kNotConnected, "no credential"));
  }
  trouble_.clear();
  const wire::Attempt attempt = call.attempt;
  std::vector<std::string> headers = header_lines(pool.upstream, call, *credential);
  const TransferRules rules{&pool.upstream, config_.allow_link_local, config_.answer_max};
  auto may_start = [this](const wire::Attempt& asked) {
    const bool yes = hooks_.may_start(asked);
    if (yes) sent(asked);
    return yes;
  };
  Running& running = transfers_[attempt];
  running.pool = &pool;
  running.transfer = std::make_unique<Transfer>(std::move(call), std::move(*url),
                                                std::move(headers), rules, std::move(may_start));
  CHECK(curl_multi_add_handle(pool.multi, running.transfer->easy()) == CURLM_OK);
}

// From here on the attempt has its timeout, first byte to last. A little less than what libcurl
// would wait, so that it is we who end it.
void Http::sent(const wire::Attempt& attempt) {
  Running& running = transfers_.at(attempt);
  running.deadline = poller_.at(port::steady_now() + running.pool->upstream.timeout,
                                [this, attempt] { timed_out(attempt); });
}

void Http::timed_out(const wire::Attempt& attempt) {
  if (!transfers_.contains(attempt)) return;
  const auto transfer = take(attempt);
  hooks_.ended(transfer->stopped("timeout", port::steady_now()));
}

void Http::stop(const wire::Attempt& attempt) {
  if (transfers_.contains(attempt)) (void)take(attempt);
}

// Out of libcurl's hands: a transfer that was not done has its connection closed, which by
// SO_LINGER is a reset.
std::unique_ptr<Transfer> Http::take(const wire::Attempt& attempt) {
  const auto found = transfers_.find(attempt);
  Running running = std::move(found->second);
  transfers_.erase(found);
  poller_.cancel(running.deadline);
  curl_multi_remove_handle(running.pool->multi, running.transfer->easy());
  return std::move(running.transfer);
}

void Http::collect(Pool& pool) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(pool.multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const int code = message->data.result;
    char* self = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
    const wire::Attempt attempt = reinterpret_cast<const Transfer*>(self)->attempt();
    const auto transfer = take(attempt);
    hooks_.ended(transfer->ended(code, port::steady_now()));
  }
}

}  // namespace sluice::dispatcher
