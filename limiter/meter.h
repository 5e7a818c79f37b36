// The meter of one limit: when may the next attempt go, so that in every closed window [t, t + W]
// at most N requests arrive (design 4.1), or, for a limit of concurrency, so that at most N are
// open. Pure functions on a LimitLog; time never goes back between calls on one log.
//
// A slot counts while it is open, and after its completion at `at` until at + W + guard. One whose
// lease ended without an outcome counts as completed unknown_hold after its lease's end: only an
// answer proves arrival, so nothing earlier is safe. For concurrency a slot counts until its
// completion, or its lease's end.
//
// Above N = 256, and for shadow limits, completed slots are counted in 64 sub-windows until the end
// of their sub-window + W + guard, so that neither time nor memory grows with N: the window then
// opens up to W / 64 later than it could, never earlier.
#pragma once

#include <cstdint>

#include "lib/base/upstream.h"
#include "limiter/store.h"

namespace sluice::limiter {

// May it go? If not: why, and from when the answer can be another. While open slots decide, `until`
// is the earliest time that their completion now would make possible.
struct Verdict {
  wire::Wait why = wire::Wait::kNone;  // kNone (go), kWindowFull, kPacing or kInFlight
  StoreTime until;
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

class Meter {
 public:
  Meter(const Limit& limit, Duration unknown_hold) : limit_(&limit), unknown_hold_(unknown_hold) {}

  // How long a slot counts after its completion: W + guard; concurrency: not at all.
  [[nodiscard]] Duration horizon() const;
  // What one unit of the pacing bucket takes to come back: W / N, rounded up.
  [[nodiscard]] Duration interval() const;
  // From when a completion at `at` counts: at once, or from its sub-window's end.
  [[nodiscard]] StoreTime counted_from(StoreTime at) const;
  // Whether everything counts alike when it all happens so much later.
  [[nodiscard]] bool is_shifted_by(Duration span) const;
  // Until when this slot counts, if nothing more is heard of it after `now`; for an open one the
  // earliest such time.
  [[nodiscard]] StoreTime counts_until(const Slot& slot, StoreTime now) const;

  // Requires 1 <= units <= N.
  [[nodiscard]] Verdict decide(const LimitLog& log, std::uint32_t units, StoreTime now) const;
  // How many messages of one unit may go at once.
  [[nodiscard]] std::uint32_t room(const LimitLog& log, StoreTime now) const;

  // The parts of decide(). The earliest time at which at most `most` units of the log count; `now`
  // when that is so already, never() when it cannot be.
  [[nodiscard]] StoreTime falls_to(const LimitLog& log, std::int64_t most, StoreTime now) const;
  // When the bucket, if it held no more than `burst`, has as many tokens as `units` need.
  [[nodiscard]] StoreTime bucket_fills(const LimitLog& log, std::uint32_t units,
                                       std::uint32_t burst) const;

  // Requires decide() == kNone at slot.granted_at, or a shadow limit. slot.at is the lease's end.
  void take(LimitLog& log, Slot slot) const;
  // The attempt's end is known at `at` (unknown fate: unknown_hold later). Only ever moves a slot
  // later, and inserts one that the log no longer has.
  void complete(LimitLog& log, const wire::Attempt& attempt, std::uint32_t units,
                StoreTime at) const;
  // These units arrived at `at`, whoever sent them: over N if need be. Above 64 such the oldest are
  // put together, under the later one's time.
  void charge(LimitLog& log, const wire::Attempt& attempt, std::uint32_t units, StoreTime at) const;
  // These units arrived by `at`, and no slot of the log is theirs.
  void arrived(LimitLog& log, std::uint32_t units, StoreTime at) const;
  // The attempt never started: its slot is free. The pacing token comes back only while it is the
  // last that was taken; otherwise what it paced has already gone by it. (At most B are ever out.)
  void free(LimitLog& log, const wire::Attempt& attempt) const;
  // Drops the slots that count no more.
  void prune(LimitLog& log, StoreTime now) const;

 private:
  [[nodiscard]] bool is_rate() const { return limit_->kind == LimitKind::kRate; }
  [[nodiscard]] bool lists_completed() const;
  [[nodiscard]] std::int64_t sub_window() const;
  void count(LimitLog& log, std::uint32_t units, StoreTime at) const;
  [[nodiscard]] std::uint64_t used(const LimitLog& log, StoreTime now) const;

  const Limit* limit_;
  Duration unknown_hold_;
};

}  // namespace sluice::limiter
