// SIGINT and SIGTERM, of a verb that has something to put in order before it goes. The second of
// them ends the process. A pipe that nobody reads any more is a failed write.
#pragma once

#include <csignal>
#include <memory>

#include "lib/base/result.h"
#include "lib/port/poller.h"
#include "lib/port/unique_fd.h"

namespace sluice::stage {

class StopSignal {
 public:
  // Before any library starts a thread: none of them takes a signal then. The poller outlives it.
  static Result<std::unique_ptr<StopSignal>> open(port::Poller& poller);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] bool came() const { return came_; }

 private:
  explicit StopSignal(port::Poller& poller) : poller_(poller) {}
  void read_signals();

  port::Poller& poller_;
  sigset_t wanted_{};
  port::UniqueFd signals_;
  bool came_ = false;
};

}  // namespace sluice::stage
