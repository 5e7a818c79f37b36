// Money as whole nano-dollars; never floating point. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sluice {

inline constexpr std::int64_t kNanoPerDollar = 1'000'000'000;

// "12", "0.000000001", "12.50": digits, at most nine of them after the point, no sign, no exponent.
// kInvalid says what is wrong with it.
Result<std::int64_t> parse_dollars(std::string_view text);

// The shortest text that parse_dollars reads back: "12.5"; at least `decimals` after the point.
std::string format_dollars(std::int64_t nano, std::size_t decimals = 0);

// The sum of two amounts that are not negative; stops at the greatest number.
std::int64_t add_capped(std::int64_t a, std::int64_t b);

}  // namespace sluice
