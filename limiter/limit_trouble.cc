#include "limiter/limit_trouble.h"

#include <algorithm>

#include "lib/base/settings.h"

namespace sluice::limiter {

std::optional<LimitTrouble> trouble_of(std::span<const Limit> limits, Duration guard_min) {
  if (limits.empty()) return LimitTrouble{"/limits", "at least one"};
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const Limit& limit = limits[i];
    const std::string field = "/limits/" + std::to_string(i);
    if (limit.guard < guard_min) {
      return LimitTrouble{field + "/guard",
                          "guard is " + print_duration(limit.guard) + ", and must be at least " +
                              print_duration(guard_min) + " (twice clock_error_max and 1ms)"};
    }
    if (limit.burst > limit.n) return LimitTrouble{field + "/burst", "at most n"};
    const auto before = limits.first(i);
    if (std::any_of(before.begin(), before.end(),
                    [&](const Limit& other) { return other.name == limit.name; })) {
      return LimitTrouble{field + "/name", "two have the name " + limit.name};
    }
  }
  return std::nullopt;
}

}  // namespace sluice::limiter
