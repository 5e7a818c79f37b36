// Traces: CSV and flat NDJSON, line by line.
#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "lib/base/calendar.h"
#include "limiter/flat_json.h"
#include "limiter/replay.h"

namespace sluice::limiter {

namespace {

constexpr std::uint32_t kCostMax = 1'000'000;
constexpr std::size_t kKeyMax = 200;

using Fields = FlatFields;

Error wrong(const std::string& file, int line, const std::string& what) {
  return {Trouble::kSettings, file + ":" + std::to_string(line) + ": " + what};
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// "a","b, c" as RFC 4180 has them, on one line; nothing: a quote is open.
std::optional<std::vector<std::string>> cells_of(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back() += line[++i];
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  if (quoted) return std::nullopt;
  for (std::string& cell : cells) cell = std::string(trimmed(cell));
  return cells;
}

// Seconds with up to six decimals, or a date.
std::optional<std::int64_t> microseconds_of(std::string_view text) {
  if (const auto date = parse_time(text)) return date->us;
  const std::size_t point = std::min(text.find('.'), text.size());
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + point, whole);
  if (error != std::errc{} || end != text.data() + point || whole < 0) return std::nullopt;
  if (whole > 253'402'300'799) return std::nullopt;  // the year 9999
  std::int64_t part = 0, unit = 1'000'000;
  for (std::size_t i = point + 1; i < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9' || unit == 1) return std::nullopt;
    unit /= 10;
    part += (text[i] - '0') * unit;
  }
  return whole * 1'000'000 + part;
}

class Trace {
 public:
  Trace(const std::string& file, const std::vector<Upstream>& upstreams)
      : file_(file), upstreams_(upstreams) {}
  Status line(std::string_view text, int number);
  std::vector<Arrival> take();

 private:
  Result<Fields> fields_of(std::string_view text, int number);
  Status add(const Fields& fields, int number);

  const std::string& file_;
  const std::vector<Upstream>& upstreams_;
  std::vector<std::string> columns_ = {"time", "key", "upstream", "cost"};
  bool first_ = true;
  std::vector<Arrival> arrivals_;
};

Status Trace::line(std::string_view text, int number) {
  text = trimmed(text);
  if (text.empty() || text.front() == '#') return Done{};
  const bool first = std::exchange(first_, false);
  if (first && text.front() != '{') {
    const auto names = cells_of(text);
    const bool header = names && std::find(names->begin(), names->end(), "time") != names->end();
    if (header) {
      columns_ = *names;
      return Done{};
    }
  }
  auto fields = fields_of(text, number);
  if (!fields) return fields.error();
  return add(*fields, number);
}

Result<Fields> Trace::fields_of(std::string_view text, int number) {
  if (text.front() == '{') {
    auto fields = read_flat_json(text);
    if (!fields) return wrong(file_, number, "no flat JSON object on one line");
    return *fields;
  }
  const auto cells = cells_of(text);
  if (!cells) return wrong(file_, number, "a quote is not closed");
  if (cells->size() > columns_.size()) {
    return wrong(file_, number, "more cells than " + std::to_string(columns_.size()));
  }
  Fields fields;
  for (std::size_t i = 0; i < cells->size(); ++i) fields[columns_[i]] = (*cells)[i];
  return fields;
}

Status Trace::add(const Fields& fields, int number) {
  const auto of = [&](const char* name) {
    const auto at = fields.find(name);
    return at == fields.end() ? std::string() : at->second;
  };
  Arrival arrival;
  arrival.line = number;
  const auto at = microseconds_of(of("time"));
  if (!at) {
    return wrong(file_, number,
                 "time: \"" + of("time") +
                     "\" is neither seconds nor a date like "
                     "2026-11-21T02:24:00Z");
  }
  arrival.at = {*at};
  arrival.key = of("key");
  if (arrival.key.empty() || arrival.key.size() > kKeyMax) {
    return wrong(file_, number, "key: 1 to " + std::to_string(kKeyMax) + " bytes are needed");
  }
  arrival.upstream = of("upstream").empty() ? upstreams_.front().name : of("upstream");
  if (std::none_of(upstreams_.begin(), upstreams_.end(),
                   [&](const Upstream& one) { return one.name == arrival.upstream; })) {
    return wrong(file_, number, "upstream: \"" + arrival.upstream + "\" is not in the settings");
  }
  if (const std::string cost = of("cost"); !cost.empty()) {
    const auto [end, error] = std::from_chars(cost.data(), cost.data() + cost.size(), arrival.cost);
    const bool whole = error == std::errc{} && end == cost.data() + cost.size();
    if (!whole || arrival.cost < 1 || arrival.cost > kCostMax) {
      return wrong(file_, number, "cost: \"" + cost + "\" is no whole number from 1 to 1000000");
    }
  }
  arrivals_.push_back(std::move(arrival));
  return Done{};
}

std::vector<Arrival> Trace::take() {
  std::stable_sort(arrivals_.begin(), arrivals_.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  const Duration first = arrivals_.empty() ? Duration{} : arrivals_.front().at;
  for (Arrival& arrival : arrivals_) arrival.at = arrival.at - first;
  return std::move(arrivals_);
}

}  // namespace

Result<std::vector<Arrival>> parse_trace(std::string_view text, const std::string& file,
                                         const std::vector<Upstream>& upstreams) {
  Trace trace(file, upstreams);
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto read = trace.line(text.substr(0, end), number); !read) return read.error();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return trace.take();
}

}  // namespace sluice::limiter
