#include "lib/stage/answer_rules.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "lib/base/ascii.h"

namespace sluice::stage {

namespace {

constexpr std::uint32_t kStatusMin = 200;  // below stand interim answers
constexpr std::uint32_t kStatusMax = 999;
constexpr std::size_t kTextMin = 3;  // a shorter one would stop keys by accident

std::optional<Statuses> parse_statuses(std::string_view text) {
  if (text == "*") return Statuses{kStatusMin, kStatusMax};
  if (text.size() != 3 || text[0] < '2' || text[0] > '9') return std::nullopt;
  if (text.substr(1) == "xx") {
    const auto first = static_cast<std::uint32_t>(text[0] - '0') * 100;
    return Statuses{first, first + 99};
  }
  std::uint32_t status = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), status);
  if (read.ptr != text.data() + text.size()) return std::nullopt;
  return Statuses{status, status};
}

std::optional<StatusMeans> parse_meaning(std::string_view word) {
  if (word == "delivered") return StatusMeans::kDelivered;
  if (word == "failed") return StatusMeans::kFailed;
  if (word == "refused") return StatusMeans::kRefused;
  if (word == "throttled") return StatusMeans::kThrottled;
  return std::nullopt;
}

struct Rule {
  Statuses statuses;
  std::string_view what;
};

std::optional<Rule> parse_rule(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto statuses = parse_statuses(trimmed(text.substr(0, colon)));
  if (!statuses) return std::nullopt;
  return Rule{*statuses, trimmed(text.substr(colon + 1))};
}

Error wrong(const SettingTable& table, std::string_view name, const std::string& rule,
            std::string_view right) {
  return {Trouble::kSettings, table.place_of(name).text() + ": " + std::string(name) + ": \"" +
                                  rule + "\" is not understood; " + std::string(right)};
}

}  // namespace

Status read_answer_rules(const SettingTable& table, Upstream& into) {
  for (const std::string& text : table.list("statuses")) {
    const auto rule = parse_rule(text);
    const auto means = rule ? parse_meaning(rule->what) : std::nullopt;
    if (!means) {
      return wrong(
          table, "statuses", text,
          "write \"404: delivered\", \"5xx: failed\" or \"*: refused\", with a status from "
          "200 on, and delivered, failed, refused or throttled");
    }
    into.statuses.push_back({rule->statuses, *means});
  }
  for (const std::string& text : table.list("abnormal")) {
    const auto rule = parse_rule(text);
    if (!rule || rule->what.size() < kTextMin) {
      return wrong(table, "abnormal", text,
                   "write \"403: abnormal usage\", \"4xx: some text\" or \"*: some text\", with a "
                   "status from 200 on, and at least three characters");
    }
    into.abnormal.push_back({rule->statuses, std::string(rule->what)});
  }
  into.answer_kept = static_cast<std::uint32_t>(table.whole("answer_kept"));
  return Done{};
}

}  // namespace sluice::stage
