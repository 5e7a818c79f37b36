#include "lib/port/poller.h"

#include <sys/epoll.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/check.h"
#include "lib/port/clock.h"

namespace sluice::port {

namespace {

constexpr std::size_t kEventsPerTurn = 256;

long whole_milliseconds(Duration span) {
  // Rounded up: a timer must not find itself a moment early, and spin.
  return std::clamp<long>(static_cast<long>((span.us + 999) / 1000), 0, 60'000);
}

}  // namespace

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)), now_(steady_now()) {
  CHECK(epoll_.open());
}

Poller::~Poller() = default;

void Poller::watch_fd(int fd, std::uint32_t events, std::function<void(std::uint32_t)> handler) {
  auto watch = std::make_shared<Watch>(Watch{std::move(handler)});
  const bool known = fds_.contains(fd);
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  CHECK(epoll_ctl(epoll_.get(), known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0);
  fds_[fd] = std::move(watch);
}

void Poller::unwatch_fd(int fd) {
  if (fds_.erase(fd) == 0) return;
  // Fails when the descriptor was closed before: the kernel has forgotten it by itself.
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Poller::watch_zmq(void* socket, std::function<void()> readable) {
  unwatch_zmq(socket);
  sockets_.push_back({socket, std::make_shared<std::function<void()>>(std::move(readable))});
}

void Poller::unwatch_zmq(void* socket) {
  std::erase_if(sockets_, [&](const Socket& one) { return one.socket == socket; });
}

std::uint64_t Poller::add_pulse(Pulse pulse) {
  pulses_.emplace_back(++pulses_named_, std::make_shared<Pulse>(std::move(pulse)));
  return pulses_named_;
}

void Poller::remove_pulse(std::uint64_t id) {
  std::erase_if(pulses_, [&](const auto& one) { return one.first == id; });
}

void Poller::poll(Instant until) {
  sleep(until);
  run_fds();
  timers_.run_due(now_);
  const auto pulses = pulses_;  // a pulse may remove itself
  for (const auto& [id, pulse] : pulses) pulse->awake(now_);
}

// Waits, then calls the handlers of the ZeroMQ sockets. One that was unwatched by a handler before
// it is no longer called: its socket may be closed.
void Poller::sleep(Instant until) {
  until = std::min(until, timers_.next());
  now_ = steady_now();
  for (const auto& [id, pulse] : pulses_) until = std::min(until, pulse->wake_by(now_));
  std::vector<zmq_pollitem_t> items{{nullptr, epoll_.get(), ZMQ_POLLIN, 0}};
  const std::vector<Socket> sockets = sockets_;
  for (const Socket& one : sockets) items.push_back({one.socket, 0, ZMQ_POLLIN, 0});
  const int woken =
      zmq_poll(items.data(), static_cast<int>(items.size()), whole_milliseconds(until - now_));
  CHECK(woken >= 0 || errno == EINTR);
  now_ = steady_now();
  if (woken <= 0) return;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    if ((items[i + 1].revents & ZMQ_POLLIN) == 0) continue;
    const bool watched = std::any_of(sockets_.begin(), sockets_.end(), [&](const Socket& one) {
      return one.readable == sockets[i].readable;
    });
    if (watched) (*sockets[i].readable)();
  }
}

void Poller::run_fds() {
  std::array<epoll_event, kEventsPerTurn> events{};
  const int ready = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < ready; ++i) {
    const auto& event = events.at(static_cast<std::size_t>(i));
    const auto found = fds_.find(event.data.fd);
    if (found == fds_.end()) continue;
    const auto watch = found->second;  // lives on when the handler removes it
    watch->handler(event.events);
  }
}

}  // namespace sluice::port
