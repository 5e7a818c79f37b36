// How many attempts of one key may be under way at the same time (design 4.3). Pure; the store's
// script and the limiter's core both ask here, with the latency that the store learnt: it comes
// with CompleteReply, PeekReply and Acknowledged.
#pragma once

#include <cstdint>

#include "lib/base/upstream.h"

namespace sluice::limiter {

// The setting, or with "auto" as many as the slowest limit needs so that waiting for answers costs
// no rate: ceil(N x latency / (W + guard + latency)), at least 1. Shadow limits and limits of
// concurrency do not count; without any other, the upstream's in_flight. After a penalty it is 1
// until one attempt succeeds, whatever this says (KeyState::one_at_a_time).
std::uint32_t in_flight_per_key(const Upstream& upstream, Duration latency);

}  // namespace sluice::limiter
