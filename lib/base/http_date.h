// Dates in any of the three formats that a recipient of HTTP must take (RFC 9110 5.6.7). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

// IMF-fixdate, RFC 850 or asctime, as seconds since the Unix epoch. `near` decides the century of
// RFC 850's two digits: never more than 50 years ahead of it.
std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t near);

}  // namespace sluice
