// A saboteur per kind of effect and of wire item: one that drops it always, one that does it twice.
// Each is caught by a checker, or is listed with the reason why it must be harmless, and is.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/sim/saboteurs.h"

namespace sluice::sim {

// In the order of stages, and of the lists of their effects. Names: "limiter drops Settled".
const std::vector<Saboteur>& kinds();
// Changes nothing: notes the effects that are of none of these kinds, as "limiter: Settled".
Saboteur note_unlisted(std::set<std::string>& unlisted);

}  // namespace sluice::sim
