#include "lib/base/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

namespace sluice {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
// The longest first, so that printing takes the longest that divides.
constexpr std::array<Unit, 8> kSpans{{{"d", 86'400'000'000},
                                      {"h", 3'600'000'000},
                                      {"min", 60'000'000},
                                      {"m", 60'000'000},
                                      {"s", 1'000'000},
                                      {"ms", 1'000},
                                      {"us", 1},
                                      {"µs", 1}}};
constexpr std::array<Unit, 3> kSizes{{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}};

// "1_000" -> 1000; nothing when it is no number or too large.
std::optional<std::int64_t> parse_whole(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '_') digits += c;
  }
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, failed] = std::from_chars(digits.data(), end, value);
  if (failed != std::errc{} || stop != end || digits.empty()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> times(std::optional<std::int64_t> value, std::int64_t factor) {
  std::int64_t product = 0;
  if (!value || __builtin_mul_overflow(*value, factor, &product)) return std::nullopt;
  return product;
}

// "1.5" -> 1'500'000; at most six places.
std::optional<std::int64_t> parse_millionths(std::string_view text) {
  const std::size_t dot = text.find('.');
  const auto whole = times(parse_whole(text.substr(0, dot)), 1'000'000);
  if (!whole || dot == std::string_view::npos) return whole;
  std::string fraction(text.substr(dot + 1));
  if (fraction.empty() || fraction.size() > 6) return std::nullopt;
  if (fraction.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  fraction.resize(6, '0');
  const std::int64_t part = *parse_whole(fraction);
  return text.starts_with('-') ? *whole - part : *whole + part;
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  for (const Unit& unit : kSizes) {
    if (!text.ends_with(unit.name)) continue;
    text.remove_suffix(unit.name.size());
    return times(parse_whole(text), unit.factor);
  }
  return parse_whole(text);
}

std::string print_millionths(std::int64_t value) {
  std::string text = std::to_string(value / 1'000'000);
  std::string fraction = std::to_string(1'000'000 + std::abs(value % 1'000'000)).substr(1);
  while (fraction.size() > 1 && fraction.back() == '0') fraction.pop_back();
  return text + "." + fraction;
}

std::string print_size(std::int64_t value) {
  for (const Unit& unit : kSizes) {
    if (value != 0 && value % unit.factor == 0) {
      return std::to_string(value / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(value);
}

std::string quoted(std::string_view text) {
  std::string into = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') into += '\\';
    into += c;
  }
  return into + "\"";
}

std::string print_bound(const SettingRow& row, std::int64_t value) {
  switch (row.type) {
    case SettingType::kDuration:
      return print_duration({value});
    case SettingType::kRatio:
      return print_millionths(value);
    default:
      return std::to_string(value);
  }
}

bool has_max(const SettingRow& row) { return row.max != std::numeric_limits<std::int64_t>::max(); }

std::string type_name(const SettingRow& row) {
  switch (row.type) {
    case SettingType::kFlag:
      return "true or false";
    case SettingType::kWhole:
      return row.words.empty() ? "a whole number" : quoted(row.words) + " or a whole number";
    case SettingType::kDuration:
      return "a duration such as \"250ms\", \"10s\", \"5min\", \"2h\"";
    case SettingType::kRatio:
      return "a number";
    case SettingType::kText:
      return "text";
    case SettingType::kOneOf: {
      std::string words(row.words);
      for (std::size_t at = 0; (at = words.find('|', at)) != std::string::npos; at += 2) {
        words.replace(at, 1, ", ");
      }
      return "one of " + words;
    }
    case SettingType::kList:
      return "a list of texts";
  }
  return {};
}

std::string allowed(const SettingRow& row) {
  std::string text = type_name(row);
  const bool counted = row.type != SettingType::kFlag && row.type != SettingType::kOneOf;
  if (!counted) return text;
  const bool length = row.type == SettingType::kText || row.type == SettingType::kList;
  const std::string what = length ? " long" : "";
  if (!length || row.min > 0) text += ", at least " + print_bound(row, row.min) + what;
  if (has_max(row)) text += ", at most " + print_bound(row, row.max) + what;
  return text;
}

Error wrong(const SettingRow& row, const SettingNode& node, std::string_view what) {
  return {Trouble::kSettings, node.place.text() + ": " + std::string(row.name) + ": " +
                                  std::string(what) + "; allowed is " + allowed(row)};
}

// Flags and the environment have only text; so has a file for durations and sizes.
std::optional<SettingValue> read_text(const SettingRow& row, const std::string& text) {
  switch (row.type) {
    case SettingType::kFlag:
      if (text == "true") return SettingValue(true);
      if (text == "false") return SettingValue(false);
      return std::nullopt;
    case SettingType::kWhole:
      if (!row.words.empty() && text == row.words) return SettingValue(std::int64_t{0});
      if (const auto value = parse_size(text)) return SettingValue(*value);
      return std::nullopt;
    case SettingType::kDuration:
      if (const auto value = parse_duration(text)) return SettingValue(value->us);
      return std::nullopt;
    case SettingType::kRatio:
      if (const auto value = parse_millionths(text)) return SettingValue(*value);
      return std::nullopt;
    case SettingType::kText:
      return SettingValue(text);
    case SettingType::kOneOf: {
      const std::string around = "|" + std::string(row.words) + "|";
      const bool known = text.find('|') == std::string::npos && !text.empty() &&
                         around.find("|" + text + "|") != std::string::npos;
      return known ? std::optional<SettingValue>(text) : std::nullopt;
    }
    case SettingType::kList: {
      std::vector<std::string> parts;
      for (std::size_t start = 0; start <= text.size() && !text.empty();) {
        const std::size_t comma = std::min(text.find(',', start), text.size());
        if (comma > start) parts.push_back(text.substr(start, comma - start));
        start = comma + 1;
      }
      return SettingValue(std::move(parts));
    }
  }
  return std::nullopt;
}

std::optional<SettingValue> read_array(const SettingNode::Array& array) {
  std::vector<std::string> parts;
  for (const SettingNode& one : array) {
    const auto* text = std::get_if<std::string>(&one.value);
    if (text == nullptr) return std::nullopt;
    parts.push_back(*text);
  }
  return SettingValue(std::move(parts));
}

std::optional<SettingValue> read_node(const SettingRow& row, const SettingNode& node) {
  if (const auto* text = std::get_if<std::string>(&node.value)) return read_text(row, *text);
  if (const auto* flag = std::get_if<bool>(&node.value)) {
    return row.type == SettingType::kFlag ? std::optional<SettingValue>(*flag) : std::nullopt;
  }
  if (const auto* whole = std::get_if<std::int64_t>(&node.value)) {
    if (row.type == SettingType::kWhole) return SettingValue(*whole);
    if (row.type != SettingType::kRatio) return std::nullopt;
    const auto millionths = times(*whole, 1'000'000);
    return millionths ? std::optional<SettingValue>(*millionths) : std::nullopt;
  }
  if (const auto* number = std::get_if<double>(&node.value)) {
    const bool fits = row.type == SettingType::kRatio && std::abs(*number) < 1e9;
    if (!fits) return std::nullopt;
    return SettingValue(std::int64_t{std::llround(*number * 1e6)});
  }
  const auto* array = std::get_if<SettingNode::Array>(&node.value);
  return array != nullptr && row.type == SettingType::kList ? read_array(*array) : std::nullopt;
}

std::int64_t measure(const SettingValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* text = std::get_if<std::string>(&value)) {
    return static_cast<std::int64_t>(text->size());
  }
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  return list == nullptr ? 0 : static_cast<std::int64_t>(list->size());
}

}  // namespace

std::string Place::text() const { return line > 0 ? file + ":" + std::to_string(line) : file; }

SettingNode::SettingNode() = default;
SettingNode::SettingNode(Value is, Place where) : value(std::move(is)), place(std::move(where)) {}
SettingNode::SettingNode(const SettingNode&) = default;
SettingNode::SettingNode(SettingNode&&) noexcept = default;
SettingNode& SettingNode::operator=(const SettingNode&) = default;
SettingNode& SettingNode::operator=(SettingNode&&) noexcept = default;
SettingNode::~SettingNode() = default;

const SettingNode* SettingNode::find(std::string_view name) const {
  const auto* table = std::get_if<Table>(&value);
  if (table == nullptr) return nullptr;
  for (const auto& [key, node] : *table) {
    if (key == name) return &node;
  }
  return nullptr;
}

Result<Duration> parse_duration(std::string_view text) {
  const std::size_t letters = text.find_first_not_of("0123456789._");
  if (letters != 0 && letters != std::string_view::npos) {
    for (const Unit& unit : kSpans) {
      if (text.substr(letters) != unit.name) continue;
      // Millionths of the unit, so that "1.5h" works; whole microseconds come out.
      const auto number = parse_millionths(text.substr(0, letters));
      if (!number || *number > std::numeric_limits<std::int64_t>::max() / unit.factor) break;
      return Duration{*number * unit.factor / 1'000'000};
    }
    const auto whole = parse_whole(text.substr(0, letters));
    for (const Unit& unit : kSpans) {
      const auto value = times(whole, unit.factor);
      if (text.substr(letters) == unit.name && value) return Duration{*value};
    }
  }
  return Error{Trouble::kSettings, quoted(text) + " is no duration"};
}

std::string print_duration(Duration span) {
  if (span.us == 0) return "0s";
  for (const Unit& unit : kSpans) {
    if (span.us % unit.factor == 0) {
      return std::to_string(span.us / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(span.us) + "us";
}

Result<SettingValue> check_setting(const SettingRow& row, const SettingNode& node) {
  auto value = read_node(row, node);
  if (!value) {
    const auto* text = std::get_if<std::string>(&node.value);
    const bool say = text != nullptr && !row.secret;
    return wrong(row, node, say ? quoted(*text) + " is not allowed" : "not allowed");
  }
  if (row.type == SettingType::kFlag || row.type == SettingType::kOneOf) return *value;
  const std::int64_t size = measure(*value);
  const auto* word = std::get_if<std::string>(&node.value);
  if (row.type == SettingType::kWhole && word != nullptr && *word == row.words) return *value;
  if (size < row.min || size > row.max) {
    const bool length = row.type == SettingType::kText || row.type == SettingType::kList;
    const std::string seen = length ? "its length " + std::to_string(size) : print_bound(row, size);
    return wrong(row, node, seen + (size < row.min ? " is too little" : " is too much"));
  }
  return *value;
}

std::string print_setting(const SettingRow& row, const SettingValue& value) {
  if (row.secret) return "\"(secret)\"";
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    std::string text;
    for (const std::string& one : *list) text += (text.empty() ? "" : ", ") + quoted(one);
    return "[" + text + "]";
  }
  const std::int64_t number = std::get<std::int64_t>(value);
  if (row.type == SettingType::kDuration) return quoted(print_duration({number}));
  if (row.type == SettingType::kRatio) return print_millionths(number);
  if (row.type == SettingType::kWhole && number == 0 && !row.words.empty())
    return quoted(row.words);
  const std::string size = print_size(number);
  return size == std::to_string(number) ? size : quoted(size);
}

std::string describe_setting(const SettingRow& row) {
  std::string text = allowed(row);
  if (row.required) return text + "; required";
  return text + "; default " + (row.preset.empty() ? "none" : std::string(row.preset));
}

std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = name.size() / 3 + 2;
  for (const std::string_view candidate : candidates) {
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < name.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t replaced = diagonal + (name[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace sluice
