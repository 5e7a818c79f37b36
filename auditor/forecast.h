// What a month will have cost by its end, at its pace so far. Honest and simple: spent so far times
// (length of the month / what of it has passed). Pure; whole nano-dollars.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/instant.h"

namespace sluice::auditor {

// Never less than what was spent. In the first `from` of the month, when one busy morning would
// promise a fortune, and after its end it is what was spent. Stops at the greatest number.
// `month`: "2026-11", UTC.
std::int64_t forecast(std::int64_t spent_nano, std::string_view month, StoreTime at, Duration from);

}  // namespace sluice::auditor
