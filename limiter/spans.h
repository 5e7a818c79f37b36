// What settings say of attempts, records and closures: all of a shard's settings but its limits.
// The shard rules by one set of them for all its callers, whoever calls, and each call names its
// version (docs/decisions/0030). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/upstream.h"

namespace sluice::limiter {

struct StoreConfig;

struct Spans {
  Duration unknown_hold;
  Duration start_window;
  Duration timeout;
  Duration max_pause;
  OnUnknown on_unknown = OnUnknown::kResend;
  std::uint32_t attempts_max = 0;
  std::uint32_t throttles_max = 0;
  Duration penalty_max;
  Duration store_overlap;
  Duration close_max;
  Duration record_min;
  Duration record_max;
  std::uint32_t in_flight_per_key = kInFlightAuto;
  std::uint32_t in_flight = 0;
  Duration clock_error_max;

  // Longest time between a grant and the last moment that its dispatcher may be sending.
  [[nodiscard]] Duration lease() const { return start_window + timeout + max_pause; }
  // From a grant to the last moment that its request may arrive.
  [[nodiscard]] Duration arrival() const { return lease() + unknown_hold; }
  friend bool operator==(const Spans&, const Spans&) = default;
};

inline constexpr std::size_t kSpanCount = 15;
// Of these, where settings differ, the longer rules (kDead of on_unknown): what is counted, kept
// and waited for longer breaks no promise. Of those behind them the smaller.
inline constexpr std::size_t kLongerRules = 12;
inline constexpr std::array<std::string_view, kSpanCount> kSpanNames{
    "unknown_hold", "start_window",  "timeout",           "max_pause",     "on_unknown",
    "attempts_max", "throttles_max", "penalty_max",       "store_overlap", "close_max",
    "record_min",   "record_max",    "in_flight_per_key", "in_flight",     "clock_error_max"};

// In the order of their names; times are microseconds.
using SpanNumbers = std::array<std::int64_t, kSpanCount>;
SpanNumbers numbers_of(const Spans& spans);
Spans spans_of(const SpanNumbers& numbers);
// What the settings say of an upstream.
Spans spans_of(const StoreConfig& config, const Upstream& upstream);

// What rules where both are said.
Spans safer(const Spans& one, const Spans& other);
// Never 0.
std::uint64_t spans_version(const Spans& spans);
// Where `mine` is not what rules: "timeout: 10s here, 2m rules"; empty: nowhere.
std::string differences(const Spans& mine, const Spans& ruling);

}  // namespace sluice::limiter
