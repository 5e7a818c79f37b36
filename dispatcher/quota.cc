#include "dispatcher/quota.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <vector>

#include "lib/base/ascii.h"
#include "lib/base/http_date.h"

namespace sluice::dispatcher {

namespace {

constexpr std::array<std::string_view, 8> kNames = {"ratelimit",
                                                    "ratelimit-policy",
                                                    "ratelimit-remaining",
                                                    "ratelimit-reset",
                                                    "x-ratelimit-remaining",
                                                    "x-ratelimit-reset",
                                                    "x-rate-limit-remaining",
                                                    "x-rate-limit-reset"};
constexpr std::int64_t kEpochFrom = 1'000'000'000;  // from here on a reset is no span of seconds
constexpr std::size_t kPartsMax = 32;               // of one field; what follows is not read

// Digits, with a fraction or without; rounded up. Too many of them are as much as there can be.
std::optional<std::int64_t> number(std::string_view text) {
  text = trimmed(text);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view rest = point == std::string_view::npos ? "" : text.substr(point + 1);
  const auto digits = [](std::string_view part) {
    return part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (whole.empty() || !digits(whole) || !digits(rest)) return std::nullopt;
  std::int64_t value = 0;
  const auto read = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4;
  if (read.ec != std::errc{} || value > kMost) return kMost;
  return value + (rest.find_first_not_of('0') == std::string_view::npos ? 0 : 1);
}

// Separated by `mark` outside of quotes.
std::vector<std::string_view> split(std::string_view text, char mark) {
  std::vector<std::string_view> parts;
  bool quoted = false;
  std::size_t start = 0;
  for (std::size_t at = 0; at <= text.size() && parts.size() < kPartsMax; ++at) {
    const bool end = at == text.size();
    if (!end && quoted && text[at] == '\\') {
      ++at;
    } else if (!end && text[at] == '"') {
      quoted = !quoted;
    } else if (end || (!quoted && text[at] == mark)) {
      parts.push_back(trimmed(text.substr(start, at - start)));
      start = at + 1;
    }
  }
  return parts;
}

// "r" of `"default";r=50;t=30`, "remaining" of `remaining=50`.
std::optional<std::int64_t> member(const std::vector<std::string_view>& parts,
                                   std::string_view name) {
  for (const std::string_view part : parts) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || trimmed(part.substr(0, equals)) != name) continue;
    return number(part.substr(equals + 1));
  }
  return std::nullopt;
}

struct Said {
  std::optional<std::int64_t> left;
  std::optional<std::int64_t> reset;  // as it stood: seconds, or since the epoch
};

std::optional<std::int64_t> window_of(std::string_view policies, std::string_view name) {
  for (const std::string_view policy : split(policies, ',')) {
    const auto parts = split(policy, ';');
    if (parts.front() == name) return member(parts, "w");
  }
  return std::nullopt;
}

void read_list(std::string_view value, std::string_view policies, std::vector<Said>& into) {
  const auto items = split(value, ',');
  if (value.find("remaining") != std::string_view::npos) {
    into.push_back({member(items, "remaining"), member(items, "reset")});
    return;
  }
  for (const std::string_view item : items) {
    const auto parts = split(item, ';');
    Said said{member(parts, "r"), member(parts, "t")};
    if (!said.reset) said.reset = window_of(policies, parts.front());
    into.push_back(said);
  }
}

// Seconds from the answer on; nothing for an end whose distance cannot be known.
std::optional<std::int64_t> span_of(std::int64_t reset, std::string_view date, std::int64_t now_s) {
  if (reset < kEpochFrom) return reset;
  const std::int64_t from = parse_http_date(date, now_s).value_or(now_s);
  if (from <= 0) return std::nullopt;
  const bool in_ms = reset >= kEpochFrom * 1000;
  return (in_ms ? reset / 1000 + 1 : reset) - from;
}

std::string_view value_of(std::span<const Field> fields, std::string_view name) {
  for (const auto& [each, value] : fields) {
    if (each == name) return value;
  }
  return {};
}

// Several lines of one list are one list (RFC 9110 5.3).
std::string list_of(std::span<const Field> fields, std::string_view name) {
  std::string list;
  for (const auto& [each, value] : fields) {
    if (each != name) continue;
    if (!list.empty()) list += ",";
    list += value;
  }
  return list;
}

}  // namespace

bool is_quota_field(std::string_view name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::optional<Quota> quota_of(std::span<const Field> fields, std::string_view date,
                              std::int64_t now_s) {
  std::vector<Said> all;
  const std::string policies = list_of(fields, "ratelimit-policy");
  for (const auto& [name, value] : fields) {
    if (name == "ratelimit") read_list(value, policies, all);
  }
  for (const std::string start : {"ratelimit-", "x-ratelimit-", "x-rate-limit-"}) {
    all.push_back(
        {number(value_of(fields, start + "remaining")), number(value_of(fields, start + "reset"))});
  }
  std::optional<Quota> least;
  for (const Said& said : all) {
    if (!said.left || !said.reset) continue;
    const auto span = span_of(*said.reset, date, now_s);
    if (!span || *span <= 0) continue;
    const auto reset = seconds(std::min<std::int64_t>(*span, kQuotaResetMax.us / 1'000'000));
    const auto left = static_cast<std::uint32_t>(
        std::min<std::int64_t>(*said.left, std::numeric_limits<std::uint32_t>::max()));
    const bool tighter =
        !least || left < least->left || (left == least->left && reset > least->reset);
    if (tighter) least = Quota{left, reset};
  }
  return least;
}

}  // namespace sluice::dispatcher
