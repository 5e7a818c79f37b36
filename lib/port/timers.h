// Timers of one loop, in user space: a heap by time, then by the order in which they were set.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include "lib/base/instant.h"

namespace sluice::port {

struct TimerId {
  std::uint64_t n = 0;  // 0: none
};

class Timers {
 public:
  using Run = std::function<void()>;
  TimerId at(Instant when, Run run);
  // Harmless for a timer that has run or was cancelled.
  void cancel(TimerId id);
  // Instant::never() when there is none.
  [[nodiscard]] Instant next() const;
  // Runs what is due at `now`; what those set anew waits for the next call.
  void run_due(Instant now);

 private:
  using Place = std::pair<Instant, std::uint64_t>;
  std::map<Place, Run> agenda_;
  std::unordered_map<std::uint64_t, Instant> when_;
  std::uint64_t named_ = 0;
};

}  // namespace sluice::port
