// What a receiver demands of an item before a core sees it: the bounds in the tables of messages.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "lib/wire/messages.h"

namespace sluice::wire {

// Nothing when the item is valid; else which field is not, and why: "Offer.key: 0 bytes, at least
// 1".
std::optional<std::string> invalid(const Item& item);

// As much of a UTF-8 text as fits into `bytes_max`, no character cut in two.
std::string clip(const std::string& text, std::size_t bytes_max);

}  // namespace sluice::wire
