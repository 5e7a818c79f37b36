#include "tests/tiny_dynamodb/value.h"

#include <charconv>

#include "lib/digest/base64.h"
#include "tests/tiny_dynamodb/fault.h"

namespace sluice::tiny {

namespace {

const std::string& kind_of(const json& value) { return value.begin().key(); }

// Sluice writes whole numbers only.
std::int64_t number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || text.empty()) {
    refuse("The parameter cannot be converted to a numeric value: " + text);
  }
  return number;
}

std::string bytes_at(const json& value) {
  const auto bytes = from_base64(value.at("B").get<std::string>());
  if (!bytes) refuse("Invalid base64");
  return *bytes;
}

std::size_t size_of(const json& value) {
  const std::string& kind = kind_of(value);
  if (kind == "S") return value.at("S").get_ref<const std::string&>().size();
  if (kind == "N") return value.at("N").get_ref<const std::string&>().size() / 2 + 2;
  if (kind == "B") return bytes_at(value).size();
  return 1;
}

}  // namespace

void check_value(const json& value) {
  if (!value.is_object() || value.size() != 1) {
    refuse("Supplied AttributeValue has more than one datatypes set, must contain exactly one");
  }
  const std::string& kind = kind_of(value);
  const json& held = value.front();
  const bool text = kind == "S" || kind == "N" || kind == "B";
  if (text && !held.is_string()) throw Fault{"SerializationException", "not a string"};
  if (kind == "N") number_of(held.get<std::string>());
  if (kind == "B") bytes_at(value);
  if (kind == "BOOL" && !held.is_boolean()) throw Fault{"SerializationException", "no boolean"};
  if (kind == "NULL" && held != true) refuse("Null attribute value types must have the value true");
  if (!text && kind != "BOOL" && kind != "NULL")
    refuse("tiny: a kind that Sluice has not: " + kind);
}

void check_item(const json& item) {
  if (!item.is_object()) refuse("an item is an object");
  for (const auto& [name, value] : item.items()) {
    if (name.empty()) refuse("One or more parameter values were invalid: empty attribute name");
    check_value(value);
  }
}

std::size_t bytes_of(const json& item) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : item.items()) bytes += name.size() + size_of(value);
  return bytes;
}

std::optional<int> compare(const json& a, const json& b) {
  if (kind_of(a) != kind_of(b)) return std::nullopt;
  const std::string& kind = kind_of(a);
  if (kind == "N") {
    const std::int64_t left = number_of(a.front());
    const std::int64_t right = number_of(b.front());
    return left < right ? -1 : left > right ? 1 : 0;
  }
  if (kind == "S") {
    return a.front().get_ref<const std::string&>().compare(b.front().get_ref<const std::string&>());
  }
  if (kind == "B") return bytes_at(a).compare(bytes_at(b));
  if (a == b) return 0;
  return std::nullopt;
}

json sum(const json& a, const json& b) {
  if (kind_of(a) != "N" || kind_of(b) != "N") {
    refuse("An operand in the update expression has an incorrect data type");
  }
  return {{"N", std::to_string(number_of(a.front()) + number_of(b.front()))}};
}

}  // namespace sluice::tiny
