// What happens next in the simulated world: deeds ordered by (time, sequence), one virtual clock.
// Two deeds of the same instant happen in the order in which they were entered.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/base/instant.h"

namespace sluice::sim {

class Agenda {
 public:
  using Deed = std::function<void()>;

  // True time: microseconds since the run began. No process sees it; each has a clock of its own.
  [[nodiscard]] Instant now() const { return now_; }
  // A time in the past means: as the next deed.
  void at(Instant when, Deed deed);
  void after(Duration delay, Deed deed) { at(now_ + delay, std::move(deed)); }
  // Does the next deed; false when there is none.
  bool step();
  // Does everything up to `end` and stands there, or stops where `enough` says so.
  bool run_until(Instant end, const std::function<bool()>& enough);
  [[nodiscard]] std::uint64_t done() const { return done_; }

 private:
  struct Entry {
    Instant when;
    std::uint64_t sequence = 0;
    Deed deed;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
    }
  };

  Instant now_;
  std::uint64_t sequence_ = 0;
  std::uint64_t done_ = 0;
  std::vector<Entry> heap_;
};

}  // namespace sluice::sim
