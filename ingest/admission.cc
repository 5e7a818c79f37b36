#include "ingest/admission.h"

#include <algorithm>

namespace sluice::ingest {

namespace {

constexpr Duration kUnknownRetry = seconds(60);
constexpr Duration kFallbackWait = seconds(120);
constexpr Duration kAnyMoment = seconds(1);

Duration whole_seconds_up(Duration d) {
  const std::int64_t second = seconds(1).us;
  return seconds(std::max<std::int64_t>(1, (d.us + second - 1) / second));
}

}  // namespace

Verdict judge(const Preference& preference, const Forecast& forecast, Duration max_wait) {
  using Kind = Preference::Kind;
  if (preference.kind == Kind::kAsync || !forecast) return {};
  if (forecast->departs_at.us == 0) {
    if (preference.kind == Kind::kDefault) return {};
    return {false, kUnknownRetry};
  }
  const Duration allowed = preference.kind == Kind::kWithin ? preference.within : max_wait;
  const Duration wait = forecast->departs_at - forecast->now;
  // The answer to the attempt before it is awaited any moment: such a message starts at once.
  const bool starts = forecast->why == wire::Wait::kInFlight && wait < kAnyMoment;
  if (wait <= allowed || starts) return {};
  return {false, whole_seconds_up(wait - allowed)};
}

Duration max_wait_of(Duration setting, const Upstream* upstream) {
  if (setting.us > 0) return setting;
  Duration longest{0};
  if (upstream != nullptr) {
    for (const Limit& limit : upstream->limits) longest = std::max(longest, limit.window);
  }
  return longest.us > 0 ? longest * 2 : kFallbackWait;
}

}  // namespace sluice::ingest
