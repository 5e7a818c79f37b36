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
// The same with "auto"; `in_flight`: where no limit counts.
std::uint32_t in_flight_needed(const std::vector<Limit>& limits, std::uint32_t in_flight,
                               Duration latency);

// The latency that forecasts count with. An estimate that is too high adds up window by window, and
// a message would leave before its stated time. So, where windows and not answers set the pace,
// answers are taken to come by up to 1/64 of the shortest window sooner than lately: whatever they
// do within that, a message leaves no earlier than stated, and at most 1.6 % of its wait later.
Duration stated_latency(const Upstream& upstream, Duration latency, std::uint32_t in_flight);

}  // namespace sluice::limiter
