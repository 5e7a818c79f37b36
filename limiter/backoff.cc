#include "limiter/backoff.h"

#include <algorithm>

namespace sluice::limiter {

namespace {

// Not started: nothing was sent, so nothing is owed. The pause only keeps a dispatcher that refuses
// from being asked in a circle.
Duration before_next_try(wire::NotStarted why, const Upstream& upstream, Prng& prng) {
  switch (why) {
    case wire::NotStarted::kConnect:
      return backoff(0, upstream.backoff_base / 10, upstream.backoff_base, prng);
    case wire::NotStarted::kFull:
    case wire::NotStarted::kDraining:
      return prng.between(milliseconds(50), milliseconds(200));
    case wire::NotStarted::kNone:
    case wire::NotStarted::kTooLate:
    case wire::NotStarted::kRecalled:
    case wire::NotStarted::kNeverSeen:
    case wire::NotStarted::kLane:
      break;
  }
  return Duration{};
}

}  // namespace

Duration backoff(std::uint32_t n, Duration base, Duration max, Prng& prng) {
  Duration wait = base;
  for (std::uint32_t i = 0; i < n && wait < max; ++i) wait = wait * 2;
  wait = std::min(wait, max);
  return std::min(max, wait + prng.between(Duration{0}, wait));
}

Duration penalty_of(bool told_to_wait, Duration retry_after, const Upstream& upstream, Prng& prng) {
  const Duration wait =
      told_to_wait ? std::max(retry_after, upstream.backoff_base) : upstream.penalty_base;
  return wait + prng.between(microseconds(1), std::max(microseconds(1), wait / 10));
}

Consequence consequence_of(const wire::Outcome& outcome, std::uint32_t attempts,
                           const Upstream& upstream, Prng& prng) {
  Consequence consequence;
  switch (outcome.ended) {
    case wire::Ended::kDelivered:
    case wire::Ended::kRefused:
      break;
    case wire::Ended::kFailed:
    case wire::Ended::kUnknown:
      consequence.retry_after =
          std::max(outcome.retry_after,
                   backoff(attempts, upstream.backoff_base, upstream.backoff_max, prng));
      break;
    case wire::Ended::kThrottled:
      consequence.penalty = penalty_of(outcome.told_to_wait, outcome.retry_after, upstream, prng);
      consequence.penalty_was_told = outcome.told_to_wait;
      consequence.retry_after = consequence.penalty;
      break;
    case wire::Ended::kNotStarted:
      consequence.retry_after = before_next_try(outcome.not_started, upstream, prng);
      break;
  }
  return consequence;
}

}  // namespace sluice::limiter
