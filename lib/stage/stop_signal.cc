#include "lib/stage/stop_signal.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "lib/base/check.h"

namespace sluice::stage {

Result<std::unique_ptr<StopSignal>> StopSignal::open(port::Poller& poller) {
  std::unique_ptr<StopSignal> made(new StopSignal(poller));
  sigemptyset(&made->wanted_);
  for (const int one : {SIGTERM, SIGINT}) sigaddset(&made->wanted_, one);
  (void)std::signal(SIGPIPE, SIG_IGN);
  CHECK(sigprocmask(SIG_BLOCK, &made->wanted_, nullptr) == 0);
  made->signals_ = port::UniqueFd(signalfd(-1, &made->wanted_, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!made->signals_.open()) {
    return Error{Trouble::kUnavailable, std::string("signalfd: ") + std::strerror(errno)};
  }
  poller.watch_fd(made->signals_.get(), EPOLLIN,
                  [stop = made.get()](std::uint32_t) { stop->read_signals(); });
  return made;
}

StopSignal::~StopSignal() {
  if (signals_.open()) poller_.unwatch_fd(signals_.get());
}

void StopSignal::read_signals() {
  signalfd_siginfo got{};
  while (read(signals_.get(), &got, sizeof got) == static_cast<ssize_t>(sizeof got)) came_ = true;
  CHECK(sigprocmask(SIG_UNBLOCK, &wanted_, nullptr) == 0);
}

}  // namespace sluice::stage
