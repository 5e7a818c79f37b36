#include "lib/base/http_date.h"

#include <algorithm>
#include <array>

#include "lib/base/ascii.h"

namespace sluice {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Parts {
  std::int64_t year = 0;
  std::int64_t month = 0;  // 1 to 12
  std::int64_t day = 0;
  std::int64_t second_of_day = 0;
};

// Reads pieces off the front; once one is not there, nothing is any more.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  void literal(std::string_view expected) {
    if (!text_.starts_with(expected)) return fail();
    text_.remove_prefix(expected.size());
  }
  // Exactly `count` digits; with `padded`, leading spaces stand for zeros.
  std::int64_t digits(std::size_t count, bool padded = false) {
    std::int64_t n = 0;
    if (text_.size() < count) return fail(), 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = padded && n == 0 && text_[i] == ' ' && i + 1 < count ? '0' : text_[i];
      if (c < '0' || c > '9') return fail(), 0;
      n = n * 10 + (c - '0');
    }
    text_.remove_prefix(count);
    return n;
  }
  std::int64_t month() {
    const auto found = std::find(kMonths.begin(), kMonths.end(), text_.substr(0, 3));
    if (found == kMonths.end()) return fail(), 0;
    text_.remove_prefix(3);
    return found - kMonths.begin() + 1;
  }
  std::int64_t time_of_day() {
    const std::int64_t hour = digits(2);
    literal(":");
    const std::int64_t minute = digits(2);
    literal(":");
    const std::int64_t second = digits(2);
    if (hour > 23 || minute > 59 || second > 60) fail();
    return hour * 3600 + minute * 60 + second;
  }
  [[nodiscard]] bool done() const { return good_ && text_.empty(); }

 private:
  void fail() { good_ = false; }
  std::string_view text_;
  bool good_ = true;
};

// Days since 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, days_from_civil).
std::int64_t days_from_civil(std::int64_t year, std::int64_t month, std::int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

std::int64_t unix_seconds(const Parts& parts) {
  return days_from_civil(parts.year, parts.month, parts.day) * 86'400 + parts.second_of_day;
}

// "06 Nov 1994 08:49:37 GMT"
std::optional<Parts> imf_fixdate(std::string_view text) {
  Reader reader(text);
  Parts parts;
  parts.day = reader.digits(2);
  reader.literal(" ");
  parts.month = reader.month();
  reader.literal(" ");
  parts.year = reader.digits(4);
  reader.literal(" ");
  parts.second_of_day = reader.time_of_day();
  reader.literal(" GMT");
  return reader.done() ? std::optional(parts) : std::nullopt;
}

// "06-Nov-94 08:49:37 GMT"; the year as it stands
std::optional<Parts> rfc850(std::string_view text) {
  Reader reader(text);
  Parts parts;
  parts.day = reader.digits(2);
  reader.literal("-");
  parts.month = reader.month();
  reader.literal("-");
  parts.year = reader.digits(2);
  reader.literal(" ");
  parts.second_of_day = reader.time_of_day();
  reader.literal(" GMT");
  return reader.done() ? std::optional(parts) : std::nullopt;
}

// "Nov  6 08:49:37 1994"
std::optional<Parts> asctime(std::string_view text) {
  Reader reader(text);
  Parts parts;
  parts.month = reader.month();
  reader.literal(" ");
  parts.day = reader.digits(2, true);
  reader.literal(" ");
  parts.second_of_day = reader.time_of_day();
  reader.literal(" ");
  parts.year = reader.digits(4);
  return reader.done() ? std::optional(parts) : std::nullopt;
}

// The latest century in which the date is at most 50 years ahead of `near`.
std::int64_t in_its_century(Parts parts, std::int64_t near) {
  constexpr std::int64_t kYear = 31'556'952;
  parts.year += 2000;
  while (unix_seconds(parts) > near + 50 * kYear) parts.year -= 100;
  while (parts.year < 9900 && near - unix_seconds(parts) > 50 * kYear) parts.year += 100;
  return unix_seconds(parts);
}

}  // namespace

std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t near) {
  text = trimmed(text);
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(space + 1);
  const bool comma = space > 0 && text[space - 1] == ',';
  std::optional<Parts> parts = comma ? imf_fixdate(rest) : asctime(rest);
  const bool two_digits = comma && !parts;
  if (two_digits) parts = rfc850(rest);
  if (!parts || parts->day < 1 || parts->day > 31) return std::nullopt;
  return two_digits ? in_its_century(*parts, near) : unix_seconds(*parts);
}

}  // namespace sluice
