// One flat JSON object on one line, as people and other programs of ours write them by the
// thousand: texts, numbers and words; no arrays, no objects inside. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::limiter {

// Values as they stand, texts without their quotes and escapes.
using FlatFields = std::map<std::string, std::string, std::less<>>;

// Nothing: it is none, or names a field twice. Escapes of letters beyond ASCII are refused, not
// guessed.
std::optional<FlatFields> read_flat_json(std::string_view text);

}  // namespace sluice::limiter
