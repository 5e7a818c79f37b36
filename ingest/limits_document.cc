#include "ingest/limits_document.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "ingest/json.h"
#include "ingest/json_body.h"
#include "lib/base/ascii.h"
#include "lib/base/settings.h"
#include "lib/stage/upstreams.h"
#include "lib/wire/limits.h"
#include "lib/wire/valid.h"

namespace sluice::ingest {

namespace {

constexpr std::size_t kByMax = 128;
constexpr std::size_t kTagDigits = 16;

SettingNode::Value number_of(std::string_view text) {
  std::int64_t whole = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, whole);
  if (error == std::errc() && stop == end) return whole;
  return 0.5;  // no row takes a fraction
}

// A value as the settings' checks take it, each part at its JSON Pointer.
SettingNode node_of(JsonValue value, const std::string& pointer) {
  const Place place{pointer, 0};
  switch (value.kind) {
    case JsonKind::kBool:
      return {value.text == "true", place};
    case JsonKind::kNumber:
      return {number_of(value.text), place};
    case JsonKind::kString:
      return {json_string(value), place};
    case JsonKind::kObject: {
      SettingNode::Table table;
      for (const auto& [name, member] : json_members(value)) {
        table.push_back({name, node_of(member, pointer + "/" + name)});
      }
      return {std::move(table), place};
    }
    default:
      return {std::monostate{}, place};
  }
}

// Whether a row has a name twice, or is another upstream's; which one, and why.
std::optional<Refusal> trouble_of(const SettingNode& row, const std::string& upstream) {
  const auto* members = std::get_if<SettingNode::Table>(&row.value);
  if (members == nullptr) return {};
  for (const auto& member : *members) {
    if (row.find(member.name) != &member.node) {
      return Refusal{400, member.node.place.file, "is there twice"};
    }
  }
  const SettingNode* named = row.find("upstream");
  if (named == nullptr) return {};
  const auto* name = std::get_if<std::string>(&named->value);
  if (name != nullptr && *name == upstream) return {};
  return Refusal{400, named->place.file, "is not the upstream that is asked for"};
}

// "PLACE: why", of which PLACE is a row's or one of its members'; the default's are the row's.
Refusal refusal_of(const std::string& error, const std::vector<SettingNode>& rows) {
  Refusal refusal{400, "/limits", error};
  const auto look = [&](const std::string& place) {
    if (!error.starts_with(place + ": ") || place.size() < refusal.field.size()) return;
    refusal = {400, place, error.substr(place.size() + 2)};
  };
  for (const SettingNode& row : rows) {
    look(row.place.file);
    const auto* members = std::get_if<SettingNode::Table>(&row.value);
    for (std::size_t i = 0; members != nullptr && i < members->size(); ++i) {
      look((*members)[i].node.place.file);
    }
  }
  return refusal;
}

std::variant<std::vector<wire::Limit>, Refusal> read_rows(JsonValue list,
                                                          const std::string& upstream,
                                                          std::int64_t scale_millionths) {
  std::vector<SettingNode> rows;
  for (const JsonValue one : json_items(list)) {
    if (rows.size() == wire::kLimitsMax) {
      return Refusal{400, "/limits", "has more than " + std::to_string(wire::kLimitsMax)};
    }
    rows.push_back(node_of(one, "/limits/" + std::to_string(rows.size())));
    if (auto trouble = trouble_of(rows.back(), upstream)) return std::move(*trouble);
  }
  if (rows.empty()) return Refusal{400, "/limits", "must have at least one limit"};
  auto limits = stage::read_limits(upstream, rows, scale_millionths);
  if (!limits) return refusal_of(limits.error().what, rows);
  return wire::rows_of(*limits);
}

// As it is written so that it is this again when it is scaled.
std::string span_text(Duration span, std::int64_t scale_millionths) {
  const std::int64_t whole = span.us / scale_millionths;  // apart, so that no product overflows
  const std::int64_t rest = span.us % scale_millionths;
  const std::int64_t up = (rest * 1'000'000 + scale_millionths - 1) / scale_millionths;
  return print_duration(microseconds(whole * 1'000'000 + up));
}

}  // namespace

std::variant<AskLimits, Refusal> read_limits_document(std::string_view body,
                                                      const std::string& upstream,
                                                      std::int64_t scale_millionths) {
  if (auto trouble = json_trouble(body)) return Refusal{400, "", "not JSON: " + *trouble};
  const JsonValue whole = json_whole(body);
  if (whole.kind != JsonKind::kObject) return Refusal{400, "", "must be an object"};
  AskLimits ask;
  ask.upstream = upstream;
  bool given = false;
  for (const auto& [name, value] : json_members(whole)) {
    if (name == "by" && value.kind == JsonKind::kString) {
      ask.by = json_string(value);
      const bool fits = ask.by.size() <= kByMax && wire::text_trouble(ask.by) == nullptr;
      if (!fits)
        return Refusal{400, "/by", "must be at most 128 bytes, without control characters"};
    } else if (name == "limits" && value.kind == JsonKind::kArray && !std::exchange(given, true)) {
      auto rows = read_rows(value, upstream, scale_millionths);
      if (auto* refusal = std::get_if<Refusal>(&rows)) return std::move(*refusal);
      ask.rows = std::move(std::get<std::vector<wire::Limit>>(rows));
    } else {
      return Refusal{400, "/" + name,
                     "may be only `limits`, a list, and `by`, a string, once each"};
    }
  }
  if (!given) return Refusal{400, "/limits", "is missing: all limits of the upstream"};
  return ask;
}

std::string limits_json(std::span<const wire::Limit> rows, std::int64_t scale_millionths) {
  std::string list = "[";
  for (const wire::Limit& row : rows) {
    JsonBody body;
    const bool rate = row.kind == wire::LimitKind::kRate;
    body.text("name", row.name).text("kind", rate ? "rate" : "concurrency");
    body.text("scope", row.scope == wire::LimitScope::kKey ? "key" : "upstream");
    body.number("n", row.n);
    if (rate) {
      body.text("window", span_text(row.window, scale_millionths)).number("burst", row.burst);
      body.text("guard", span_text(row.guard, scale_millionths));
    }
    body.flag("shadow", row.shadow);
    list += (list.size() > 1 ? "," : "") + body.object();
  }
  return list + "]";
}

std::string version_tag(std::uint64_t version) {
  std::string tag = "\"";
  for (std::size_t digit = 0; digit < kTagDigits; ++digit) {
    tag.push_back("0123456789abcdef"[(version >> (60 - 4 * digit)) & 15U]);
  }
  return tag + "\"";
}

std::optional<std::uint64_t> read_version_tag(std::string_view field) {
  const std::string_view text = trimmed(field);
  if (text == "*") return 0;
  if (text.size() != kTagDigits + 2 || text.front() != '"' || text.back() != '"') return {};
  std::uint64_t version = 0;
  const char* first = text.data() + 1;
  const auto [stop, error] = std::from_chars(first, first + kTagDigits, version, 16);
  if (error != std::errc() || stop != first + kTagDigits || version == 0) return {};
  return version;
}

}  // namespace sluice::ingest
