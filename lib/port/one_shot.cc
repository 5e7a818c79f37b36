#include "lib/port/one_shot.h"

#include <curl/curl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "lib/base/check.h"
#include "lib/port/clock.h"
#include "lib/port/one_shot_transfer.h"

namespace sluice::port {

struct OneShots::Calls {
  // The parameters are libcurl's.
  static constexpr auto kSocket = [](CURL*, curl_socket_t fd, int what, void* self, void*) {
    auto& shots = *static_cast<OneShots*>(self);
    if (what == CURL_POLL_REMOVE) {
      shots.poller_.unwatch_fd(fd);
      return 0;
    }
    const std::uint32_t events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    shots.poller_.watch_fd(fd, events, [&shots, fd](std::uint32_t happened) {
      shots.act(fd, ((happened & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                        ((happened & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                        ((happened & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0));
    });
    return 0;
  };

  static int timer(CURLM*, long wait_ms, void* self) {
    auto& shots = *static_cast<OneShots*>(self);
    shots.poller_.cancel(shots.timer_);
    shots.timer_ = {};
    if (wait_ms >= 0) {
      shots.timer_ = shots.poller_.at(steady_now() + milliseconds(wait_ms),
                                      [&shots] { shots.act(CURL_SOCKET_TIMEOUT, 0); });
    }
    return 0;
  }
};

OneShots::OneShots(Poller& poller, OneShotConfig config, OneShotHooks hooks)
    : poller_(poller), config_(std::move(config)), hooks_(std::move(hooks)) {
  // A peer that resets while libcurl writes must not end this process.
  std::signal(SIGPIPE, SIG_IGN);
  // libcurl would write the keys of every TLS session into the file that it names.
  unsetenv("SSLKEYLOGFILE");
  CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
  multi_ = curl_multi_init();
  CHECK(multi_ != nullptr);
  curl_socket_callback socket = Calls::kSocket;
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Calls::timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  // One request at a time on a connection: see the header.
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(config_.connections_max));
}

OneShots::~OneShots() {
  while (!running_.empty()) stop(running_.begin()->first);
  curl_multi_cleanup(multi_);
  poller_.cancel(timer_);
  curl_global_cleanup();
}

void OneShots::act(int fd, int bits) {
  int running = 0;
  CHECK(curl_multi_socket_action(multi_, fd, bits, &running) == CURLM_OK);
  collect();
}

void OneShots::start(OneShot shot) {
  const std::uint64_t id = shot.id;
  CHECK(!running_.contains(id));
  Running& running = running_[id];
  running.transfer = std::make_unique<OneShotTransfer>(
      std::move(shot), config_, sockets_, [this](std::uint64_t asked) { return may_send(asked); });
  CHECK(curl_multi_add_handle(multi_, running.transfer->easy()) == CURLM_OK);
}

// From its yes on a request has its timeout, first byte to last; libcurl's own is longer.
std::optional<Duration> OneShots::may_send(std::uint64_t id) {
  auto longest = hooks_.may_send(id);
  if (!longest) return longest;
  *longest = std::min(*longest, config_.timeout);
  running_.at(id).deadline = poller_.at(steady_now() + *longest, [this, id] { timed_out(id); });
  return longest;
}

void OneShots::timed_out(std::uint64_t id) {
  if (!running_.contains(id)) return;
  running_.at(id).transfer->close_connection();
  const auto transfer = take(id);
  hooks_.ended(transfer->timed_out(steady_now()));
}

void OneShots::stop(std::uint64_t id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  found->second.transfer->close_connection();
  (void)take(id);
}

// Out of libcurl's hands: one that was not done has its connection closed, which by SO_LINGER is a
// reset.
std::unique_ptr<OneShotTransfer> OneShots::take(std::uint64_t id) {
  const auto found = running_.find(id);
  Running running = std::move(found->second);
  running_.erase(found);
  poller_.cancel(running.deadline);
  curl_multi_remove_handle(multi_, running.transfer->easy());
  return std::move(running.transfer);
}

void OneShots::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const int code = message->data.result;
    char* self = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
    const auto transfer = take(reinterpret_cast<const OneShotTransfer*>(self)->id());
    hooks_.ended(transfer->ended(code, steady_now()));
  }
}

}  // namespace sluice::port
