#include "lib/base/calendar.h"

#include <array>
#include <cstdio>

namespace sluice {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

struct Civil {
  std::int64_t year = 1970;
  int month = 1;
  int day = 1;
  std::int64_t us_of_day = 0;
};

Civil civil_of(StoreTime at) {
  std::int64_t days = at.us / kDayUs;
  std::int64_t rest = at.us % kDayUs;
  if (rest < 0) {
    rest += kDayUs;
    --days;
  }
  const std::int64_t z = days + 719'468;
  const std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
  const std::int64_t doe = z - era * 146'097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  const int month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  const int day = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
  return {yoe + era * 400 + (month <= 2 ? 1 : 0), month, day, rest};
}

std::int64_t days_of(std::int64_t year, int month, int day) {
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t mp = month > 2 ? month - 3 : month + 9;
  const std::int64_t doy = (153 * mp + 2) / 5 + day - 1;
  return era * 146'097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719'468;
}

int days_in(std::int64_t year, int month) {
  static constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

std::string padded(std::int64_t number, int width) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%0*lld", width, static_cast<long long>(number));
  return text.data();
}

// Reads fixed-width numbers and marks off the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  int number(std::size_t width) {
    if (rest_.size() < width) return fail();
    int value = 0;
    for (const char c : rest_.substr(0, width)) {
      if (c < '0' || c > '9') return fail();
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(width);
    return value;
  }
  bool mark(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Digits after a point, as microseconds.
  int fraction() {
    int value = 0;
    int digits = 0;
    while (digits < 6 && !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      value = value * 10 + number(1);
      ++digits;
    }
    if (digits == 0) return fail();
    for (; digits < 6; ++digits) value *= 10;
    return value;
  }
  void need(bool condition) { good_ = good_ && condition; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool good() const { return good_; }

 private:
  int fail() {
    good_ = false;
    return 0;
  }
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::string month_of(StoreTime at) {
  const Civil civil = civil_of(at);
  return padded(civil.year, 4) + "-" + padded(civil.month, 2);
}

std::string day_of(StoreTime at) { return month_of(at) + "-" + padded(civil_of(at).day, 2); }

std::string hour_of(StoreTime at) {
  return day_of(at) + "T" + padded(civil_of(at).us_of_day / 3'600'000'000, 2);
}

std::string timestamp_of(StoreTime at) {
  const std::int64_t us = civil_of(at).us_of_day;
  return hour_of(at) + ":" + padded(us / 60'000'000 % 60, 2) + ":" +
         padded(us / 1'000'000 % 60, 2) + "." + padded(us % 1'000'000, 6) + "Z";
}

std::optional<StoreTime> parse_time(std::string_view text) {
  Reader read(text);
  const int year = read.number(4);
  read.need(read.mark('-'));
  const int month = read.number(2);
  read.need(read.mark('-'));
  const int day = read.number(2);
  if (!read.good() || month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return {};
  std::int64_t us = days_of(year, month, day) * kDayUs;
  if (read.at_end()) return StoreTime{us};
  read.need(read.mark('T'));
  const int hour = read.number(2);
  read.need(read.mark(':'));
  const int minute = read.number(2);
  read.need(read.mark(':'));
  const int second = read.number(2);
  const int fraction = read.mark('.') ? read.fraction() : 0;
  read.need(read.mark('Z') && read.at_end());
  if (!read.good() || hour > 23 || minute > 59 || second > 59) return {};
  us += ((hour * 60LL + minute) * 60 + second) * 1'000'000 + fraction;
  return StoreTime{us};
}

}  // namespace sluice
