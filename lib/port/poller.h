// The loop's one place that sleeps: zmq_poll over the ZeroMQ sockets and ONE epoll descriptor for
// everything else, with timers. One thread; handlers run inside poll() and may add and remove
// watches, their own too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "lib/base/instant.h"
#include "lib/port/timers.h"
#include "lib/port/unique_fd.h"

namespace sluice::port {

class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // `events` as in epoll_ctl (EPOLLIN, EPOLLOUT ...), level triggered; the handler gets what
  // happened. Watching a watched descriptor changes its events and handler.
  void watch_fd(int fd, std::uint32_t events, std::function<void(std::uint32_t)> handler);
  void unwatch_fd(int fd);  // before the descriptor is closed

  // A ZeroMQ socket; called after every sleep in which it has something to read.
  void watch_zmq(void* socket, std::function<void()> readable);
  void unwatch_zmq(void* socket);

  TimerId at(Instant when, std::function<void()> run) { return timers_.at(when, std::move(run)); }
  TimerId after(Duration wait, std::function<void()> run) {
    return at(now() + wait, std::move(run));
  }
  void cancel(TimerId id) { timers_.cancel(id); }

  // For a library that has a clock of its own: asked before every sleep until when it may last, and
  // told after every sleep, whatever ended it (libmicrohttpd hangs otherwise).
  struct Pulse {
    std::function<Instant(Instant now)> wake_by;
    std::function<void(Instant now)> awake;
  };
  std::uint64_t add_pulse(Pulse pulse);
  void remove_pulse(std::uint64_t id);

  // Sleeps until something happens or `until`, then runs the handlers. Returns early, too.
  void poll(Instant until);

  // Steady time as of the last return from sleep.
  [[nodiscard]] Instant now() const { return now_; }

 private:
  struct Watch {
    std::function<void(std::uint32_t)> handler;
  };
  struct Socket {
    void* socket;
    std::shared_ptr<std::function<void()>> readable;
  };
  void sleep(Instant until);
  void run_fds();

  UniqueFd epoll_;
  std::unordered_map<int, std::shared_ptr<Watch>> fds_;
  std::vector<Socket> sockets_;
  std::vector<std::pair<std::uint64_t, std::shared_ptr<Pulse>>> pulses_;
  std::uint64_t pulses_named_ = 0;
  Timers timers_;
  Instant now_;
};

}  // namespace sluice::port
