#include "lib/base/store_clock.h"

#include <algorithm>

namespace sluice {

namespace {

Duration drift(Duration elapsed) {
  return {elapsed.us * StoreClock::kDriftPpm / 1'000'000 + (elapsed.us > 0 ? 1 : 0)};
}

}  // namespace

StoreClock::Heard StoreClock::hear(const RoundTrip& trip) {
  const Duration flight = trip.received - trip.sent;
  StoreBounds fresh{trip.carried.low, trip.carried.high + flight + drift(flight)};
  if (const auto before = bounds(trip.received)) {
    fresh.low = std::max(fresh.low, before->low);
    fresh.high = std::min(fresh.high, before->high);
    if (fresh.low > fresh.high) {
      known_.reset();
      return Heard::kContradicts;
    }
  }
  known_ = Known{fresh, trip.received, trip.sent};
  return Heard::kLearnt;
}

std::optional<StoreBounds> StoreClock::bounds(Instant now) const {
  if (!known_) return std::nullopt;
  const Duration elapsed = std::max(Duration{0}, now - known_->received);
  return StoreBounds{known_->at_receipt.low + elapsed - drift(elapsed),
                     known_->at_receipt.high + elapsed + drift(elapsed)};
}

Duration StoreClock::age(Instant now) const {
  return known_ ? now - known_->sent : hours(24 * 365);
}

}  // namespace sluice
