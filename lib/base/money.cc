#include "lib/base/money.h"

#include <algorithm>
#include <limits>

namespace sluice {
namespace {

constexpr std::size_t kDecimals = 9;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Error wrong(std::string_view text, const char* why) {
  return {Trouble::kInvalid, "amount \"" + std::string(text.substr(0, 64)) + "\": " + why};
}

}  // namespace

Result<std::int64_t> parse_dollars(std::string_view text) {
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  std::string_view fraction;
  if (point < text.size()) {
    fraction = text.substr(point + 1);
    if (fraction.empty()) return wrong(text, "no digit after the point");
  }
  if (whole.empty()) return wrong(text, "no digit before the point");
  if (fraction.size() > kDecimals) return wrong(text, "more than nine digits after the point");
  std::int64_t nano = 0;
  const auto take = [&nano](char c) {
    const std::int64_t digit = c - '0';
    if (nano > (kMost - digit) / 10) return false;
    nano = nano * 10 + digit;
    return true;
  };
  for (const std::string_view part : {whole, fraction}) {
    for (const char c : part) {
      if (!is_digit(c)) return wrong(text, "only digits and one point, as in 12.50");
      if (!take(c)) return wrong(text, "too large");
    }
  }
  for (std::size_t n = fraction.size(); n < kDecimals; ++n) {
    if (!take('0')) return wrong(text, "too large");
  }
  return nano;
}

std::string format_dollars(std::int64_t nano, std::size_t decimals) {
  const bool negative = nano < 0;
  const auto magnitude =
      negative ? 0 - static_cast<std::uint64_t>(nano) : static_cast<std::uint64_t>(nano);
  const auto per_dollar = static_cast<std::uint64_t>(kNanoPerDollar);
  std::string fraction = std::to_string(magnitude % per_dollar);
  fraction.insert(0, kDecimals - fraction.size(), '0');
  while (fraction.size() > decimals && !fraction.empty() && fraction.back() == '0') {
    fraction.pop_back();
  }
  std::string text = (negative ? "-" : "") + std::to_string(magnitude / per_dollar);
  if (!fraction.empty()) text += "." + fraction;
  return text;
}

std::int64_t add_capped(std::int64_t a, std::int64_t b) { return a > kMost - b ? kMost : a + b; }

}  // namespace sluice
