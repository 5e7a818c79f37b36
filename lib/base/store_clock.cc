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
  const StoreBounds fresh{trip.carried.low, trip.carried.high + flight + drift(flight)};
  Known next{fresh, trip.received, trip.sent, kSlewMost};
  if (const auto before = bounds(trip.received)) {
    const StoreBounds met{std::max(fresh.low, before->low), std::min(fresh.high, before->high)};
    next.slew = slew(trip.received);
    if (met.low <= met.high) {
      next.at_receipt = met;
    } else if (const Duration miss = met.low - met.high; miss <= next.slew) {
      next.slew = next.slew - miss;
    } else {
      known_.reset();
      return Heard::kContradicts;
    }
  }
  known_ = next;
  return Heard::kLearnt;
}

Duration StoreClock::slew(Instant now) const {
  const Duration elapsed = std::max(Duration{0}, now - known_->received);
  return std::min(kSlewMost, known_->slew + microseconds(elapsed.us * kSlewPpm / 1'000'000));
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
