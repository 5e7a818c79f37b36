#include "limiter/in_flight.h"

#include <algorithm>
#include <limits>

namespace sluice::limiter {

namespace {

std::int64_t needed(const Limit& limit, Duration latency) {
  const std::int64_t whole = (limit.window + limit.guard + latency).us;
  return (std::int64_t{limit.n} * latency.us + whole - 1) / whole;
}

}  // namespace

std::uint32_t in_flight_per_key(const Upstream& upstream, Duration latency) {
  if (upstream.in_flight_per_key != kInFlightAuto) return upstream.in_flight_per_key;
  return in_flight_needed(upstream.limits, upstream.in_flight, latency);
}

std::uint32_t in_flight_needed(const std::vector<Limit>& limits, std::uint32_t in_flight,
                               Duration latency) {
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  std::int64_t most = kNone;
  for (const Limit& limit : limits) {
    if (limit.kind != LimitKind::kRate || limit.shadow) continue;
    most = std::min(most, needed(limit, std::max(latency, Duration{0})));
  }
  if (most == kNone) most = in_flight;
  return static_cast<std::uint32_t>(std::max<std::int64_t>(1, most));
}

Duration stated_latency(const Upstream& upstream, Duration latency, std::uint32_t in_flight) {
  std::int64_t shortest = std::numeric_limits<std::int64_t>::max();
  bool by_window = false;
  for (const Limit& limit : upstream.limits) {
    if (limit.kind != LimitKind::kRate || limit.shadow) continue;
    shortest = std::min(shortest, limit.window.us);
    by_window |= std::int64_t{limit.n} * latency.us <= std::int64_t{in_flight} * limit.window.us;
  }
  if (!by_window) return latency;
  return std::max(Duration{0}, latency - microseconds(shortest / 64));
}

}  // namespace sluice::limiter
