// Points in time and spans, all in whole microseconds. Two clocks that never mix:
//   Instant    this process's steady clock (CLOCK_BOOTTIME); meaningless in another process.
//   StoreTime  the store's clock, microseconds since the Unix epoch; what decides (design 3.2).
// Neither has a now(): time is an argument. Only lib/port/clock reads clocks.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace sluice {

struct Duration {
  std::int64_t us = 0;
  friend constexpr auto operator<=>(Duration, Duration) = default;
};

constexpr Duration microseconds(std::int64_t n) { return {n}; }
constexpr Duration milliseconds(std::int64_t n) { return {n * 1'000}; }
constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000}; }
constexpr Duration minutes(std::int64_t n) { return seconds(n * 60); }
constexpr Duration hours(std::int64_t n) { return minutes(n * 60); }
constexpr Duration operator+(Duration a, Duration b) { return {a.us + b.us}; }
constexpr Duration operator-(Duration a, Duration b) { return {a.us - b.us}; }
constexpr Duration operator-(Duration a) { return {-a.us}; }
constexpr Duration operator*(Duration a, std::int64_t n) { return {a.us * n}; }
constexpr Duration operator/(Duration a, std::int64_t n) { return {a.us / n}; }
constexpr Duration& operator+=(Duration& a, Duration b) { return a = a + b; }

template <class Clock>
struct TimePoint {
  std::int64_t us = 0;
  friend constexpr auto operator<=>(TimePoint, TimePoint) = default;
  friend constexpr TimePoint operator+(TimePoint t, Duration d) { return {t.us + d.us}; }
  friend constexpr TimePoint operator-(TimePoint t, Duration d) { return {t.us - d.us}; }
  friend constexpr Duration operator-(TimePoint a, TimePoint b) { return {a.us - b.us}; }
  static constexpr TimePoint never() { return {std::numeric_limits<std::int64_t>::max() / 4}; }
};

struct SteadyClock;
struct StoreClockTag;
using Instant = TimePoint<SteadyClock>;
using StoreTime = TimePoint<StoreClockTag>;

}  // namespace sluice
