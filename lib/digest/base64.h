// Base64 (RFC 4648 section 4, with padding). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

std::string to_base64(std::string_view bytes);
// Nothing unless `text` is exactly what to_base64 makes of some bytes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace sluice
