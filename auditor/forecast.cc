#include "auditor/forecast.h"

#include <limits>
#include <string>

#include "lib/base/calendar.h"

namespace sluice::auditor {
namespace {

__extension__ using Wide = unsigned __int128;

// Every month has a 28th, and five days after it lies the next one.
StoreTime month_after(std::string_view month) {
  const auto late = parse_time(std::string(month) + "-28");
  return late ? *parse_time(month_of(*late + hours(24 * 5)) + "-01") : StoreTime{};
}

}  // namespace

std::int64_t forecast(std::int64_t spent_nano, std::string_view month, StoreTime at,
                      Duration from) {
  const auto start = parse_time(std::string(month) + "-01");
  if (!start || spent_nano <= 0) return spent_nano;
  const StoreTime end = month_after(month);
  if (at < *start + from || at <= *start || at >= end) return spent_nano;
  const auto length = static_cast<Wide>((end - *start).us);
  const auto passed = static_cast<Wide>((at - *start).us);
  const Wide whole = static_cast<Wide>(spent_nano) * length / passed;
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  return whole > static_cast<Wide>(kMost) ? kMost : static_cast<std::int64_t>(whole);
}

}  // namespace sluice::auditor
