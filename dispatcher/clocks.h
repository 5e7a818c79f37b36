// Store time as each connected limiter knows it. They ask different shards, whose clocks may be
// clock_error_max apart (design A4), so that what two of them say need not meet: whatever is
// decided here holds by all of them. Pure.
#pragma once

#include <algorithm>
#include <map>
#include <optional>

#include "lib/base/store_clock.h"
#include "lib/wire/peer.h"

namespace sluice::dispatcher {

class Clocks {
 public:
  StoreClock::Heard hear(wire::PeerId limiter, const RoundTrip& trip) {
    gone_.forget();
    return known_[limiter].hear(trip);
  }
  // The last one that is left is still believed: a clock that nobody corrects only widens.
  void forget(wire::PeerId limiter) {
    const auto at = known_.find(limiter);
    if (at == known_.end()) return;
    if (known_.size() == 1) gone_ = at->second;
    known_.erase(at);
  }

  // From the lowest to the highest of all. Nothing when no limiter is known to know.
  [[nodiscard]] std::optional<StoreBounds> bounds(Instant now) const {
    std::optional<StoreBounds> all = gone_.bounds(now);
    for (const auto& [limiter, clock] : known_) {
      const auto one = clock.bounds(now);
      if (!one) continue;
      all = all ? StoreBounds{std::min(all->low, one->low), std::max(all->high, one->high)} : *one;
    }
    return all;
  }
  // Of the limiter that was heard last.
  [[nodiscard]] Duration age(Instant now) const {
    Duration age = gone_.age(now);
    for (const auto& [limiter, clock] : known_) age = std::min(age, clock.age(now));
    return age;
  }

 private:
  std::map<wire::PeerId, StoreClock> known_;
  StoreClock gone_;
};

}  // namespace sluice::dispatcher
