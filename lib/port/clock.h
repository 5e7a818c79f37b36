// The only place that reads clocks.
#pragma once

#include "lib/base/instant.h"

namespace sluice::port {

// CLOCK_BOOTTIME: steady, also over a suspended machine.
Instant steady_now();
// CLOCK_REALTIME as microseconds since the Unix epoch: for people, and for the embedded store.
StoreTime wall_now();

}  // namespace sluice::port
