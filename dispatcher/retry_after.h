// Retry-After (RFC 9110 10.2.3): seconds, or a date. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/base/instant.h"

namespace sluice::dispatcher {

inline constexpr Duration kRetryAfterMax = hours(24 * 365);  // more is taken for this much

// How long an answer asks to wait. A date counts from the answer's own Date, so that the upstream's
// clock may be wrong; without a Date, from `now_s`, our own notion of the time (0: none). Nothing
// when it names no time that can be read; a time that has passed is 0.
std::optional<Duration> retry_after(std::string_view value, std::string_view date,
                                    std::int64_t now_s);

// The same of several fields, one in each line: the longest wait that any of them names. A sender
// may give one only (RFC 9110 5.3, 10.2.3); which of two was meant cannot be known, and too long a
// wait harms nobody.
std::optional<Duration> longest_retry_after(std::string_view lines, std::string_view date,
                                            std::int64_t now_s);

}  // namespace sluice::dispatcher
