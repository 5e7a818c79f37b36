#include "lib/digest/base64.h"

#include <cstdint>

namespace sluice {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view some = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t n = 0; n < 3; ++n) {
      bits = bits << 8U | (n < some.size() ? static_cast<unsigned char>(some[n]) : 0U);
    }
    for (std::size_t n = 0; n < 4; ++n) {
      text.push_back(n <= some.size() ? kAlphabet[bits >> (18U - 6U * n) & 63U] : '=');
    }
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes;
  const std::size_t end = text.size() - (text.ends_with("==") ? 2U : text.ends_with("=") ? 1U : 0U);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text.substr(0, end)) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return {};
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<char>(bits >> held & 255U));
  }
  // One spelling for each value: padding and the bits behind the last byte are as they are written.
  if (to_base64(bytes) != text) return {};
  return bytes;
}

}  // namespace sluice
