// Whole numbers in as few bytes as they need: seven bits a byte, the lowest first, the eighth says
// that more follow. Both stores' records have them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::limiter {

inline void append_varint(std::string& bytes, std::uint64_t value) {
  std::array<char, 10> digits;
  std::size_t count = 0;
  for (; value >= 0x80; value >>= 7) digits[count++] = static_cast<char>(value | 0x80);
  digits[count++] = static_cast<char>(value);
  bytes.append(digits.data(), count);
}

// Takes one from the beginning of what is left; none: it is cut short, or longer than 64 bits.
inline std::optional<std::uint64_t> take_varint(std::string_view& left) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !left.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(left.front());
    left.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

}  // namespace sluice::limiter
