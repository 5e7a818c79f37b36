// JSON (RFC 8259) read in place, strictly: values are slices of the text, so that what is passed on
// is passed on byte for byte, and numbers never become floating point. JSON Pointer (RFC 6901).
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"

namespace sluice::ingest {

inline constexpr int kJsonDepthMax = 64;

enum class JsonKind : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

// A value inside a text that json_trouble() found no fault with.
struct JsonValue {
  JsonKind kind = JsonKind::kNull;
  std::string_view text;
};

// Nothing when `text` is one JSON value; else what is wrong, with the place: "byte 17: ...". Not
// UTF-8, lone surrogates and more than kJsonDepthMax levels are wrong, too.
std::optional<std::string> json_trouble(std::string_view text);

// The whole text as a value.
JsonValue json_whole(std::string_view text);

// Nothing when there is none. kInvalid when a name on the way is there twice: who reads it next
// could take the other one.
Result<std::optional<JsonValue>> json_at(JsonValue from, std::string_view pointer);

// What a string says.
std::string json_string(JsonValue string);

// Names and values of an object, in order.
std::vector<std::pair<std::string, JsonValue>> json_members(JsonValue object);

// The values of an array, in order.
std::vector<JsonValue> json_items(JsonValue array);

// What is wrong with a JSON Pointer, if anything.
std::optional<std::string> pointer_trouble(std::string_view pointer);

}  // namespace sluice::ingest
