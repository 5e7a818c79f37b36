#include "tests/sim/trace.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sluice::sim {

// One round of FNV-1a on whole words, with a rotation so that high bits come down.
void Trace::mix(std::uint64_t word) {
  hash_ = (hash_ ^ word) * 0x100000001b3;
  hash_ = (hash_ << 29U) | (hash_ >> 35U);
}

void Trace::feed(std::string_view bytes) {
  mix(bytes.size());
  for (const char c : bytes) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
}

std::string Trace::stamp(Instant at) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%10.6f", static_cast<double>(at.us) / 1e6);
  return text.data();
}

std::string Trace::hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes.substr(0, 6)) {
    out += kDigits[static_cast<unsigned char>(c) >> 4U];
    out += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}

std::string Trace::readable(std::string_view bytes) {
  const bool plain =
      std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= ' ' && c < 127; });
  return plain ? std::string(bytes) : hex(bytes);
}

}  // namespace sluice::sim
