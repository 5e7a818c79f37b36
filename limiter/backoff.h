// What an outcome costs: how long its message waits, and how long its key is closed (design 4.3).
#pragma once

#include "lib/base/prng.h"
#include "lib/base/upstream.h"
#include "limiter/store.h"

namespace sluice::limiter {

// 2^n times the base, at most `max`, plus as much again by chance, still at most `max`; n counts
// from 0. Never less than 2^n times the base or `max`.
Duration backoff(std::uint32_t n, Duration base, Duration max, Prng& prng);

// `attempts`: real attempts of the message before this one.
Consequence consequence_of(const wire::Outcome& outcome, std::uint32_t attempts,
                           const Upstream& upstream, Prng& prng);

// How long a key is closed when a warning names a time, or none; jitter included.
Duration penalty_of(bool told_to_wait, Duration retry_after, const Upstream& upstream, Prng& prng);

}  // namespace sluice::limiter
