// JSON's string syntax (RFC 8259), for lines that are written by hand.
#pragma once

#include <string>
#include <string_view>

namespace sluice::port {

// Quotes included; control characters escaped; bytes that are not UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace sluice::port
