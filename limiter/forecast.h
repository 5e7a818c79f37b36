// When messages of one key will go, from what the store's logs say now: the meter's recurrence run
// forward (design 4.1), as if every attempt were answered at once. Departures are computed as they
// are asked for and kept, so that 20,000 questions about one key cost 20,000 look-ups. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "lib/base/upstream.h"
#include "limiter/holds.h"
#include "limiter/store.h"

namespace sluice::limiter {

class Forecast {
 public:
  struct Departure {
    StoreTime at;
    wire::Wait why = wire::Wait::kNone;  // what kept it: kWindowFull, kPacing, a hold
    std::uint32_t limit = 0;             // index of the limit that decided
  };

  // Nothing goes before the hold is over.
  Forecast(const Upstream& upstream, const std::vector<LimitLog>& logs, StoreTime now,
           Refusal hold);

  // The departure of the message that has `ahead` others before it.
  Departure departure(std::uint64_t ahead);
  // How many may go at `now`.
  std::uint32_t remaining(StoreTime now);
  [[nodiscard]] const std::vector<Limit>& limits() const { return limits_; }
  // The limit with the lowest rate: what the answer's policy is about.
  [[nodiscard]] std::uint32_t slowest() const { return slowest_; }

 private:
  struct Taken {
    std::deque<StoreTime> frees;  // when each taken slot is free again, soonest first
    StoreTime tat;                // pacing: theoretical arrival time
  };
  // Exactly so many are computed; beyond them the last cycle repeats.
  static constexpr std::size_t kExact = 4096;

  void compute_next();
  [[nodiscard]] StoreTime window_opens(std::uint32_t limit) const;
  [[nodiscard]] StoreTime pacing_opens(std::uint32_t limit) const;

  std::vector<Limit> limits_;
  std::vector<Taken> taken_;
  std::uint32_t slowest_ = 0;
  StoreTime last_;
  wire::Wait hold_;
  std::vector<Departure> departures_;
};

}  // namespace sluice::limiter
