// The one alert that the alerter makes by itself: the auditor does not answer. Pure.
#pragma once

#include "lib/base/instant.h"
#include "lib/wire/messages.h"

namespace sluice::alerter {

inline constexpr const char* kAuditorSilent = "auditor_silent";  // its kind and dedup key

struct Silence {
  StoreTime now;             // by this machine's clock
  StoreTime since;           // when the auditor was heard last
  std::uint64_t cursor = 0;  // where the trail was followed to
};

// Its period is the hour, so that it is known for still firing; its id is this outage's and hour's.
wire::Alert silence_alert(const Silence& silence);

}  // namespace sluice::alerter
