// Attribute values as the wire has them: {"S": "text"}, {"N": "1"}, {"B": base64}, {"BOOL": true},
// {"NULL": true}. Of other kinds Sluice has none, and they are refused.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace sluice::tiny {

using nlohmann::json;

constexpr std::size_t kItemBytesMax = 400UL * 1024;

void check_value(const json& value);
void check_item(const json& item);
std::size_t bytes_of(const json& item);

// <0, 0, >0; nothing: of different kinds, which have no order.
std::optional<int> compare(const json& a, const json& b);
// The sum of two numbers.
json sum(const json& a, const json& b);

}  // namespace sluice::tiny
