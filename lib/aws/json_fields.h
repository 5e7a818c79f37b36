// Members of JSON objects that may not be there, or not be what they should. Templates, so that
// this header needs no JSON library's.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>

namespace sluice::aws {

// Null: `of` is no object, or has none.
template <class Json>
const Json* member(const Json& of, const char* name) {
  if (!of.is_object()) return nullptr;
  const auto found = of.find(name);
  return found == of.end() || found->is_null() ? nullptr : &*found;
}

// Empty: it has no string there.
template <class Json>
std::string text_at(const Json& of, const char* name) {
  const Json* found = member(of, name);
  return found != nullptr && found->is_string() ? found->template get<std::string>() : "";
}

template <class Json>
bool is_true_at(const Json& of, const char* name) {
  const Json* found = member(of, name);
  if (found == nullptr) return false;
  return found->is_boolean() ? found->template get<bool>() : text_at(of, name) == "true";
}

// Written as a number or as a string of one; `otherwise` where there is none.
template <class Json>
std::int64_t number_at(const Json& of, const char* name, std::int64_t otherwise = 0) {
  const Json* found = member(of, name);
  if (found == nullptr) return otherwise;
  if (found->is_number_integer()) return found->template get<std::int64_t>();
  const std::string text = text_at(of, name);
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = read.ec == std::errc{} && read.ptr == text.data() + text.size();
  return whole && !text.empty() ? number : otherwise;
}

// Its elements; a value that stands alone is one (XML does not tell them apart).
template <class Json, class Each>
void for_each_at(const Json& of, const char* name, Each each) {
  const Json* found = member(of, name);
  if (found == nullptr) return;
  if (!found->is_array()) return each(*found);
  for (const Json& one : *found) each(one);
}

}  // namespace sluice::aws
