#include "ingest/prefer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "lib/base/ascii.h"

namespace sluice::ingest {

namespace {

constexpr std::int64_t kWaitMax = 10'000'000;  // seconds; longer is as good as for ever

// Cuts at a mark that is not inside a quoted string.
std::vector<std::string_view> split(std::string_view text, char mark) {
  std::vector<std::string_view> parts;
  bool quoted = false;
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (quoted && text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      quoted = !quoted;
    } else if (text[at] == mark && !quoted) {
      parts.push_back(text.substr(start, at - start));
      start = at + 1;
    }
  }
  parts.push_back(text.substr(start));
  return parts;
}

std::optional<Duration> read_wait(std::string_view value) {
  value = trimmed(value);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  std::int64_t whole = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, whole);
  if (error == std::errc::result_out_of_range && stop == end && !value.starts_with('-')) {
    return seconds(kWaitMax);
  }
  if (error != std::errc() || stop != end || whole < 0) return {};
  return seconds(std::min(whole, kWaitMax));
}

}  // namespace

Preference read_prefer(const std::vector<std::string>& headers) {
  bool async = false;
  std::optional<Duration> wait;
  for (const std::string& header : headers) {
    for (const std::string_view preference : split(header, ',')) {
      const std::string_view main = split(preference, ';').front();
      const std::size_t equals = std::min(main.find('='), main.size());
      const std::string name = lower_case(trimmed(main.substr(0, equals)));
      if (name == "respond-async") async = true;
      if (name == "wait" && equals < main.size() && !wait)
        wait = read_wait(main.substr(equals + 1));
    }
  }
  if (async) return {Preference::Kind::kAsync, {}};
  if (wait) return {Preference::Kind::kWithin, *wait};
  return {};
}

std::string applied(const Preference& preference) {
  switch (preference.kind) {
    case Preference::Kind::kDefault:
      return {};
    case Preference::Kind::kAsync:
      return "respond-async";
    case Preference::Kind::kWithin:
      return "wait=" + std::to_string(preference.within.us / seconds(1).us);
  }
  return {};
}

std::string read_traceparent(std::string_view header) {
  const auto hex = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  };
  header = trimmed(header);
  if (header.size() != 55 || header[2] != '-' || header[35] != '-' || header[52] != '-') return {};
  const bool good = hex(header.substr(0, 2)) && hex(header.substr(3, 32)) &&
                    hex(header.substr(36, 16)) && hex(header.substr(53, 2));
  return good && header.substr(0, 2) != "ff" ? std::string(header) : std::string();
}

Content content_of(std::string_view content_type) {
  constexpr std::array<std::string_view, 4> kLines = {
      "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"};
  constexpr std::array<std::string_view, 5> kOne = {
      "", "application/json", "text/json", "text/plain", "application/x-www-form-urlencoded"};
  const std::string type = lower_case(trimmed(content_type.substr(0, content_type.find(';'))));
  if (std::find(kLines.begin(), kLines.end(), type) != kLines.end()) return Content::kLines;
  if (std::find(kOne.begin(), kOne.end(), type) != kOne.end()) return Content::kOne;
  return type.ends_with("+json") ? Content::kOne : Content::kOther;
}

}  // namespace sluice::ingest
