// When messages of one key will go, from what the store knows of it now: the script's recurrence
// run forward (design 4.1): message i goes at the earliest time that every limit, as tight as it is
// held then, the upstream's word and the key's concurrency allow, and is answered `latency` later.
// Equal to asking and completing one by one (forecast_test.cc). Departures are kept; once the
// recurrence repeats itself, shifted in time, any departure is arithmetic. Where it has not after
// kStepsMax departures, the rest is stated at the pace of their second half. Pure.
//
// Stated: every message costs one unit; nobody else spends these limits meanwhile; an attempt that
// is open now is answered `latency` after its grant, or now if that is past; each attempt succeeds;
// the upstream's word (RateLimit header fields) stays as it is.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "lib/base/upstream.h"
#include "limiter/holds.h"
#include "limiter/store.h"
#include "limiter/taken_units.h"

namespace sluice::limiter {

class Forecast {
 public:
  struct Departure {
    StoreTime at;
    wire::Wait why = wire::Wait::kNone;  // what kept it: kWindowFull, kPacing, a hold
    std::uint32_t limit = 0;             // index of the limit that decided, if ...
    bool limited = false;                // ... one did
    bool told = false;                   // the upstream's word decided
  };

  // How attempts of the key go, as they did lately.
  struct Pace {
    Duration latency;
    std::uint32_t in_flight = 0;  // of the key at the same time; 0: any number. After a warning
                                  // (KeyState::one_at_a_time): as soon as one has succeeded
  };
  struct Start {
    StoreTime now;
    Refusal hold;  // nothing goes before it is over
    Pace pace = {};
  };
  Forecast(const Upstream& upstream, const KeyState& key, const Start& start);

  static constexpr std::size_t kStepsMax = 32'768;
  // The departure of the message that has `ahead` others before it.
  Departure departure(std::uint64_t ahead);
  // How many the limits let go at the start, one after the other's answer if so it must be.
  [[nodiscard]] std::uint32_t remaining() const { return remaining_; }
  // Those that refuse: shadows do not.
  [[nodiscard]] const std::vector<Limit>& limits() const { return limits_; }
  // What people are told decided: a limit's name, or kTold; empty: neither.
  [[nodiscard]] std::string name_of(const Departure& departure) const;
  // The limit that an answer's policy is about: of a rate, the one that decided or the slowest.
  [[nodiscard]] const Limit& policy(const Departure& departure) const;

 private:
  struct Taken {
    TakenUnits units;  // at most n
    StoreTime tat;     // pacing: theoretical arrival time
    Tightened tight;   // at the last departure
  };
  struct Opening {
    StoreTime at;
    wire::Wait why = wire::Wait::kWindowFull;
  };
  // Everything that the next departures depend on.
  struct State {
    std::vector<Taken> taken;
    std::vector<StoreTime> answers;  // of attempts under way, soonest first
    StoreTime last;                  // departure
  };
  void begin_with(const LimitLog& log, const Limit& limit, StoreTime now);
  void begin_reopening(const Start& start);
  [[nodiscard]] std::uint32_t free_of(std::uint32_t limit, StoreTime now) const;
  void compute_next();
  [[nodiscard]] Departure next_departure() const;
  void depart(StoreTime at);
  void succeed(StoreTime at);
  void look_for_cycle();
  [[nodiscard]] Departure at_the_same_pace(std::uint64_t ahead) const;
  [[nodiscard]] bool is_steady() const;
  [[nodiscard]] Opening opens(std::uint32_t limit) const;
  [[nodiscard]] StoreTime window_opens(std::uint32_t limit, const Tightened& tight) const;
  [[nodiscard]] StoreTime pacing_opens(std::uint32_t limit, const Tightened& tight) const;
  [[nodiscard]] StoreTime concurrency_opens() const;
  [[nodiscard]] std::uint32_t in_flight() const { return one_at_a_time_ ? 1 : pace_.in_flight; }
  [[nodiscard]] bool repeats(const State& before, const State& after) const;

  std::vector<Limit> limits_;
  Duration unknown_hold_;
  Pace pace_;
  State state_;
  bool one_at_a_time_ = false;  // until ...
  StoreTime proven_at_;         // ... this answer; 0: its attempt has not gone yet
  StoreTime told_until_;
  std::uint32_t told_left_ = 0;
  std::uint32_t slowest_ = 0;  // the limit of the lowest rate
  wire::Wait hold_;
  std::uint32_t remaining_ = std::numeric_limits<std::uint32_t>::max();
  std::vector<Departure> departures_;
  // Brent's cycle finding: the state after `marked_at_` departures, moved on at powers of two.
  // Nothing repeats before every limit is whole.
  bool marked_ = false;
  State mark_;
  std::size_t marked_at_ = 0;
  std::size_t mark_next_ = 0;
  std::size_t cycle_ = 0;  // > 0: departures repeat after so many, from marked_at_ on
  Duration shift_;         // ... so much later
};

}  // namespace sluice::limiter
