// What is wrong with limits that the rows of [[limit]] let pass. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "lib/base/upstream.h"

namespace sluice::limiter {

struct LimitTrouble {
  std::string field;  // a JSON Pointer into {"limits": [...]}
  std::string why;
};
// Nothing: they can be an upstream's limits. `guard_min`: what clocks may be wrong by.
std::optional<LimitTrouble> trouble_of(std::span<const Limit> limits, Duration guard_min);

}  // namespace sluice::limiter
