// What a process knows of store time: bounds, learnt from round trips (design 3.2). Pure.
//
// A round trip that left at `sent`, came back at `received` and carried the other side's bounds
// [low, high], taken somewhere in between, says: at `received`, store time is in
// [low, high + (received - sent)]. Between round trips the bounds widen by the drift of a steady
// clock, 200 ppm. A new round trip is met with what is known; an empty meet is a contradiction:
// then nothing is known until a round trip after it. But one that misses by no more than what an
// honest clock is slewed meanwhile, ours or the store's (NTP: 500 ppm), is believed
// (docs/decisions/0034).
#pragma once

#include <cstdint>
#include <optional>

#include "lib/base/instant.h"

namespace sluice {

struct StoreBounds {
  StoreTime low;
  StoreTime high;
  friend bool operator==(const StoreBounds&, const StoreBounds&) = default;
};

struct RoundTrip {
  Instant sent;
  Instant received;
  StoreBounds carried;
};

class StoreClock {
 public:
  static constexpr std::int64_t kDriftPpm = 200;
  // It may miss by kSlewMost, less what it has missed by lately; that grows back by kSlewPpm.
  static constexpr std::int64_t kSlewPpm = 500;
  static constexpr Duration kSlewMost = milliseconds(10);

  enum class Heard { kLearnt, kContradicts };
  Heard hear(const RoundTrip& trip);
  void forget() { known_.reset(); }

  // Nothing before the first round trip, and after a contradiction.
  [[nodiscard]] std::optional<StoreBounds> bounds(Instant now) const;
  // How long ago the last round trip left; a large number when nothing is known.
  [[nodiscard]] Duration age(Instant now) const;

 private:
  struct Known {
    StoreBounds at_receipt;
    Instant received;
    Instant sent;
    Duration slew;  // how much it may miss by
  };
  [[nodiscard]] Duration slew(Instant now) const;
  std::optional<Known> known_;
};

}  // namespace sluice
