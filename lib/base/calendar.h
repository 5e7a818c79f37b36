// Store time as people write it: UTC, proleptic Gregorian. Pure; the algorithm is Howard Hinnant's
// civil_from_days ("chrono-Compatible Low-Level Date Algorithms").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/instant.h"

namespace sluice {

std::string month_of(StoreTime at);      // "2026-11"
std::string day_of(StoreTime at);        // "2026-11-21"
std::string hour_of(StoreTime at);       // "2026-11-21T02"
std::string timestamp_of(StoreTime at);  // "2026-11-21T02:24:00.000001Z"

// "2026-11-21", "2026-11-21T02:24:00Z", with up to six digits after the second; nothing else.
std::optional<StoreTime> parse_time(std::string_view text);

}  // namespace sluice
