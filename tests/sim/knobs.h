// Settings at the extremes of their own rows: what a setting may be is what the simulation tries.
#pragma once

#include <string_view>

#include "lib/base/prng.h"
#include "tests/sim/settings.h"

namespace sluice::sim {

// Some rows of [limiter] and [dispatcher] are given their least value, their greatest, or one in
// between; times at most a few seconds, as a run lasts for minutes only.
void draw_knobs(Prng& prng, Settings& settings);
// Is this row of [limiter] or [dispatcher] one of them?
bool has_knob(std::string_view row);

}  // namespace sluice::sim
