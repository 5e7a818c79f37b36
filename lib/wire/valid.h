// What a receiver demands of an item before a core sees it: the bounds in the tables of messages.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "lib/wire/messages.h"

namespace sluice::wire {

// Nothing when the item is valid; else which field is not, and why: "Offer.key: 0 bytes, at least
// 1".
std::optional<std::string> invalid(const Item& item);

// As much of a UTF-8 text as fits into `bytes_max`, no character cut in two.
std::string clip(const std::string& text, std::size_t bytes_max);

// Why these bytes are no text as a bound Text wants it, whatever their number; nullptr: they are.
const char* text_trouble(std::string_view text);

}  // namespace sluice::wire
