// No more calls a second than an account is given, per service and region: evenly, after a burst of
// one second's. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/base/instant.h"

namespace sluice::aws {

class Pace {
 public:
  explicit Pace(std::uint32_t per_second) : gap_(seconds(1) / std::max(1U, per_second)) {}

  // How long the next call waits; its turn is taken.
  Duration take(Instant now) {
    const Instant from = std::max(free_at_, now - seconds(1));
    free_at_ = from + gap_;
    return std::max(Duration{}, from - now);
  }

 private:
  Duration gap_;
  Instant free_at_{};  // less a burst
};

}  // namespace sluice::aws
