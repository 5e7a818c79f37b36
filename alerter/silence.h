// The one alert that the alerter makes by itself: the auditor does not answer. Pure.
#pragma once

#include "lib/base/instant.h"
#include "lib/wire/messages.h"

namespace sluice::alerter {

// Once an hour by this machine's clock. `cursor`: where the trail was followed to.
wire::Alert silence_alert(StoreTime now, Duration silent_for, std::uint64_t cursor);

}  // namespace sluice::alerter
