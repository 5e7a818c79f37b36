#include <algorithm>

#include "lib/base/check.h"
#include "lib/base/settings.h"

namespace sluice {

namespace {

std::int64_t scale(std::int64_t value, std::int64_t millionths) {
  const std::int64_t whole = value / 1'000'000;  // apart, so that no product overflows
  const std::int64_t part = value % 1'000'000;
  return whole * millionths + part * millionths / 1'000'000;
}

Error unknown_name(std::span<const SettingRow> rows, std::string_view name, const Place& place,
                   std::string_view table) {
  std::vector<std::string_view> names;
  for (const SettingRow& row : rows) names.push_back(row.name);
  std::string what =
      place.text() + ": " + std::string(table) + " has no setting \"" + std::string(name) + "\"";
  if (const auto near = nearest(name, names); !near.empty()) {
    what += "; did you mean \"" + std::string(near) + "\"?";
  } else {
    what += "; it has";
    for (const std::string_view one : names) what += " " + std::string(one);
  }
  return {Trouble::kSettings, what};
}

}  // namespace

Result<SettingTable> SettingTable::check(std::span<const SettingRow> rows, const SettingNode* node,
                                         std::string_view table_name,
                                         std::int64_t scale_millionths) {
  SettingTable table;
  table.scale_millionths_ = scale_millionths;
  table.held_.reserve(rows.size());
  for (const SettingRow& row : rows) {
    table.held_.push_back({&row, {}, {}, false});
    if (row.required) continue;
    const Place preset{"default", 0};
    if (auto put = table.put(row, {std::string(row.preset), preset}); !put) return put.error();
    table.held_.back().given = false;
  }
  if (node == nullptr) return table;
  table.place_ = node->place;
  const auto* members = std::get_if<SettingNode::Table>(&node->value);
  if (members == nullptr) {
    return Error{Trouble::kSettings,
                 node->place.text() + ": " + std::string(table_name) + " must be a table"};
  }
  for (const auto& [name, value] : *members) {
    const auto row =
        std::find_if(rows.begin(), rows.end(),
                     [&wanted = name](const SettingRow& one) { return one.name == wanted; });
    if (row == rows.end()) return unknown_name(rows, name, value.place, table_name);
    if (auto put = table.put(*row, value); !put) return put.error();
  }
  for (const Held& held : table.held_) {
    if (held.row->required && !held.given) {
      return Error{Trouble::kSettings, node->place.text() + ": " + std::string(table_name) +
                                           " must have " + std::string(held.row->name) + ", " +
                                           describe_setting(*held.row)};
    }
  }
  return table;
}

Status SettingTable::put(const SettingRow& row, const SettingNode& node) {
  auto value = check_setting(row, node);
  if (!value) return value.error();
  if (auto* number = std::get_if<std::int64_t>(&*value); number != nullptr && row.scaled) {
    *number = scale(*number, scale_millionths_);
  }
  for (Held& held : held_) {
    if (held.row->name == row.name) held = {&row, std::move(*value), node.place, true};
  }
  return Done{};
}

Status SettingTable::set(std::string_view name, const SettingNode& node) {
  for (const Held& held : held_) {
    if (held.row->name == name) return put(*held.row, node);
  }
  return Error{Trouble::kSettings, node.place.text() + ": no such setting"};
}

const SettingTable::Held& SettingTable::held(std::string_view name, SettingType type) const {
  for (const Held& held : held_) {
    if (held.row->name != name) continue;
    const bool texts = type == SettingType::kText && held.row->type == SettingType::kOneOf;
    CHECK(held.row->type == type || texts);
    return held;
  }
  check_failed(__FILE__, __LINE__, ("no setting " + std::string(name)).c_str());
}

bool SettingTable::flag(std::string_view name) const {
  return std::get<bool>(held(name, SettingType::kFlag).value);
}
std::int64_t SettingTable::whole(std::string_view name) const {
  return std::get<std::int64_t>(held(name, SettingType::kWhole).value);
}
Duration SettingTable::duration(std::string_view name) const {
  return {std::get<std::int64_t>(held(name, SettingType::kDuration).value)};
}
std::int64_t SettingTable::millionths(std::string_view name) const {
  return std::get<std::int64_t>(held(name, SettingType::kRatio).value);
}
const std::string& SettingTable::text(std::string_view name) const {
  return std::get<std::string>(held(name, SettingType::kText).value);
}
const std::vector<std::string>& SettingTable::list(std::string_view name) const {
  return std::get<std::vector<std::string>>(held(name, SettingType::kList).value);
}

bool SettingTable::given(std::string_view name) const {
  return std::any_of(held_.begin(), held_.end(),
                     [&](const Held& one) { return one.row->name == name && one.given; });
}

Place SettingTable::place_of(std::string_view name) const {
  for (const Held& held : held_) {
    if (held.row->name == name) return held.place;
  }
  return place_;
}

std::vector<std::string> SettingTable::differences(const SettingTable& other) const {
  std::vector<std::string> names;
  for (const Held& held : held_) {
    const bool same = std::any_of(other.held_.begin(), other.held_.end(), [&](const Held& one) {
      return one.row->name == held.row->name && one.value == held.value;
    });
    if (!same) names.emplace_back(held.row->name);
  }
  return names;
}

std::string SettingTable::print() const {
  std::string text;
  for (const Held& held : held_) {
    text += std::string(held.row->name) + " = " + print_setting(*held.row, held.value) + "\n";
  }
  return text;
}

Duration Settings::scaled(Duration span) const { return {scale(span.us, time_scale_millionths)}; }

Result<std::vector<SettingTable>> Settings::tables(std::string_view name,
                                                   std::span<const SettingRow> rows) const {
  std::vector<SettingTable> tables;
  const SettingNode* found = tree.find(name);
  if (found == nullptr) return tables;
  const auto* several = std::get_if<SettingNode::Array>(&found->value);
  const std::string title =
      (several == nullptr ? "[" : "[[") + std::string(name) + (several == nullptr ? "]" : "]]");
  const SettingNode::Array one = several == nullptr ? SettingNode::Array{*found} : *several;
  for (const SettingNode& node : one) {
    auto table = SettingTable::check(rows, &node, title, time_scale_millionths);
    if (!table) return table.error();
    tables.push_back(std::move(*table));
  }
  return tables;
}

}  // namespace sluice
