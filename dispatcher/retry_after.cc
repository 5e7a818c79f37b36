#include "dispatcher/retry_after.h"

#include <algorithm>
#include <charconv>

#include "lib/base/ascii.h"
#include "lib/base/http_date.h"

namespace sluice::dispatcher {

std::optional<Duration> retry_after(std::string_view value, std::string_view date,
                                    std::int64_t now_s) {
  value = trimmed(value);
  if (value.empty()) return std::nullopt;
  if (value.find_first_not_of("0123456789") == std::string_view::npos) {
    std::int64_t wait = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), wait);
    const bool huge = error != std::errc{} || wait > kRetryAfterMax.us / 1'000'000;
    return huge ? kRetryAfterMax : seconds(wait);
  }
  const auto said = parse_http_date(date, now_s);
  if (!said && now_s == 0) return std::nullopt;
  const std::int64_t from = said.value_or(now_s);
  const auto until = parse_http_date(value, from);
  if (!until) return std::nullopt;
  const std::int64_t wait =
      std::clamp<std::int64_t>(*until - from, 0, kRetryAfterMax.us / 1'000'000);
  return seconds(wait);
}

std::optional<Duration> longest_retry_after(std::string_view lines, std::string_view date,
                                            std::int64_t now_s) {
  std::optional<Duration> longest;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const auto wait = retry_after(lines.substr(0, end), date, now_s);
    if (wait && (!longest || *wait > *longest)) longest = wait;
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return longest;
}

}  // namespace sluice::dispatcher
