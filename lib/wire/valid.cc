#include "lib/wire/valid.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "lib/wire/codec.h"
#include "lib/wire/shape.h"

namespace sluice::wire {

namespace {

// The length of the UTF-8 sequence at the start of `rest`, 0 if there is none (RFC 3629).
std::size_t utf8_length(std::string_view rest) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(rest[at]); };
  const auto follows = [&](std::size_t at) {
    return at < rest.size() && (byte(at) & 0xc0U) == 0x80;
  };
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xc2 && byte(0) < 0xe0) return follows(1) ? 2 : 0;
  if (byte(0) >= 0xe0 && byte(0) < 0xf0) {
    if (!follows(1) || !follows(2)) return 0;
    if (byte(0) == 0xe0 && byte(1) < 0xa0) return 0;
    return byte(0) == 0xed && byte(1) >= 0xa0 ? 0 : 3;
  }
  if (byte(0) >= 0xf0 && byte(0) < 0xf5) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (byte(0) == 0xf0 && byte(1) < 0x90) return 0;
    return byte(0) == 0xf4 && byte(1) >= 0x90 ? 0 : 4;
  }
  return 0;
}

struct Validator {
  std::string path;
  std::optional<std::string> why;

  void fail(const char* name, const std::string& what) {
    if (!why) why = path + "." + name + ": " + what;
  }
  void check_size(const char* name, std::size_t size, std::size_t min, std::size_t max) {
    if (size < min) fail(name, std::to_string(size) + " bytes, at least " + std::to_string(min));
    if (size > max) fail(name, std::to_string(size) + " bytes, at most " + std::to_string(max));
  }

  void operator()(int, const char* name, const std::string& value, Text bound) {
    check_size(name, value.size(), bound.min, bound.max);
    if (const char* trouble = text_trouble(value)) fail(name, trouble);
  }
  void operator()(int, const char* name, const std::string& value, Bytes bound) {
    check_size(name, value.size(), bound.min, bound.max);
  }
  template <Number T>
  void operator()(int, const char* name, const T& value, Whole bound) {
    const std::int64_t number = to_signed(value);
    if (number < bound.min)
      fail(name, std::to_string(number) + ", at least " + std::to_string(bound.min));
    if (number > bound.max)
      fail(name, std::to_string(number) + ", at most " + std::to_string(bound.max));
  }
  template <Number T>
  void operator()(int, const char* name, const T& value, OneOf bound) {
    const auto number = static_cast<std::uint32_t>(value);
    if (number < bound.first || number > bound.last) {
      fail(name, std::to_string(number) + " is no known value");
    }
  }
  void operator()(int, const char*, const bool&, Flag) {}
  template <class M>
  void operator()(int, const char* name, const M& nested, One) {
    Validator inner{path + "." + name, std::nullopt};
    M::fields(nested, inner);
    if (inner.why && !why) why = std::move(inner.why);
  }
  template <class M>
  void operator()(int number, const char* name, const std::vector<M>& nested, Many bound) {
    if (nested.size() > bound.max) fail(name, "more than " + std::to_string(bound.max));
    for (const M& one : nested) (*this)(number, name, one, One{});
  }
};

constexpr std::array<std::string_view, std::variant_size_v<Item>> kNames = {
    "Hello",   "Welcome",    "NotMe",    "Heartbeat", "Offer",   "Parked",    "Announced",
    "Rows",    "Forgotten",  "Quote",    "Control",   "Settled", "Park",      "Want",
    "Quoted",  "Controlled", "Dispatch", "Recall",    "Asked",   "Completed", "Outcome",
    "Penalty", "Record",     "Cost",     "Reserve",   "Settle",  "Recorded",  "Reserved",
    "Follow",  "Alert",      "Followed", "Backlog",   "Moved",   "Word"};

}  // namespace

const char* text_trouble(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7f) return "a control character";
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) return "not UTF-8";
    at += length;
  }
  return nullptr;
}

std::string_view name_of(const Item& item) { return kNames[item.index()]; }

std::optional<std::string> invalid(const Item& item) {
  return std::visit(
      [&](const auto& body) {
        Validator validator{std::string(name_of(item)), std::nullopt};
        std::decay_t<decltype(body)>::fields(body, validator);
        return std::move(validator.why);
      },
      item);
}

std::string clip(const std::string& text, std::size_t bytes_max) {
  std::size_t end = std::min(text.size(), bytes_max);
  const auto inside = [&] { return (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80; };
  while (end > 0 && end < text.size() && inside()) --end;
  return text.substr(0, end);
}

}  // namespace sluice::wire
