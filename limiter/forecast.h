// When messages of one key will go, from what the store's logs say now: the meter's recurrence run
// forward (design 4.1): message i goes at the earliest time that every limit and the key's
// concurrency allow, and is answered `latency` later. Equal to stepping decide, take and complete
// one by one (forecast_test.cc). Departures are kept; once the recurrence repeats itself, shifted
// in time, any departure is arithmetic. Pure.
//
// Stated: every message costs one unit; nobody else spends these limits meanwhile; an attempt that
// is open now is answered `latency` after its grant, or now if that is past.
#pragma once

#include <cstdint>
#include <limits>
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

  // How attempts of the key go, as they did lately.
  struct Pace {
    Duration latency;
    std::uint32_t in_flight = 0;  // of the key at the same time; 0: any number
  };
  struct Start {
    StoreTime now;
    Refusal hold;  // nothing goes before it is over
    Pace pace = {};
  };
  Forecast(const Upstream& upstream, const std::vector<LimitLog>& logs, const Start& start);
  Forecast(const Upstream& upstream, const std::vector<LimitLog>& logs, StoreTime now, Refusal hold)
      : Forecast(upstream, logs, Start{now, hold}) {}

  // The departure of the message that has `ahead` others before it.
  Departure departure(std::uint64_t ahead);
  // How many the limits let go at the start, one after the other's answer if so it must be.
  [[nodiscard]] std::uint32_t remaining() const { return remaining_; }
  [[nodiscard]] const std::vector<Limit>& limits() const { return limits_; }
  // The limit with the lowest rate: what the answer's policy is about.
  [[nodiscard]] std::uint32_t slowest() const { return slowest_; }

 private:
  struct Taken {
    std::vector<StoreTime> frees;  // when each taken unit is free again, soonest first, at most n
    StoreTime tat;                 // pacing: theoretical arrival time
  };
  // Everything that the next departures depend on.
  struct State {
    std::vector<Taken> taken;
    std::vector<StoreTime> answers;  // of attempts under way, soonest first
    StoreTime last;                  // departure
  };
  void begin_with(const LimitLog& log, const Limit& limit, StoreTime now);
  [[nodiscard]] std::uint32_t free_of(std::uint32_t limit, StoreTime now) const;
  void compute_next();
  void look_for_cycle();
  [[nodiscard]] StoreTime window_opens(std::uint32_t limit) const;
  [[nodiscard]] StoreTime pacing_opens(std::uint32_t limit) const;
  [[nodiscard]] StoreTime concurrency_opens() const;
  [[nodiscard]] static bool repeats(const State& before, const State& after);

  std::vector<Limit> limits_;
  Duration unknown_hold_;
  Pace pace_;
  State state_;
  std::uint32_t slowest_ = 0;
  wire::Wait hold_;
  std::uint32_t remaining_ = std::numeric_limits<std::uint32_t>::max();
  std::vector<Departure> departures_;
  // Brent's cycle finding: the state after `marked_at_` departures, moved on at powers of two.
  State mark_;
  std::size_t marked_at_ = 0;
  std::size_t mark_next_ = 1;
  std::size_t cycle_ = 0;  // > 0: departures repeat after so many, from marked_at_ on
  Duration shift_;         // ... so much later
};

}  // namespace sluice::limiter
