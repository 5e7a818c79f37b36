// May this message be taken, given when it would go? Design 4.6: what would wait longer than it may
// is refused with the time after which the same request is taken. Pure.
#pragma once

#include "ingest/front_door.h"

namespace sluice::ingest {

struct Verdict {
  bool take = true;
  Duration retry_after;  // when not taken: whole seconds, at least one
};

// Without a forecast it is taken: durability needs no limiter. A forecast without a time (paused,
// breaker) refuses only those that named a wait.
Verdict judge(const Preference& preference, const Forecast& forecast, Duration max_wait);

// Two windows of the upstream's longest limit, unless the settings say otherwise.
Duration max_wait_of(Duration setting, const Upstream* upstream);

}  // namespace sluice::ingest
