// A producer's document -> a cost (design 5). Amounts are exact: a decimal, as a string or a number
// of the document, becomes whole nano-dollars without ever being floating point. Pure.
#pragma once

#include <string_view>
#include <variant>

#include "ingest/document.h"

namespace sluice::ingest {

using ReadCost = std::variant<wire::Cost, Refusal>;
// `at`: the wall clock, for a cost that does not say when it was.
ReadCost read_cost(std::string_view bytes, StoreTime at);

// "1.8e-2" -> "0.018": the plain decimal that a JSON number means; nothing when it would be longer
// than any amount.
std::optional<std::string> plain_decimal(std::string_view number);

}  // namespace sluice::ingest
