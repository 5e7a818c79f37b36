#include "lib/stage/settings_file.h"

#include <toml++/toml.h>

#include <algorithm>

#include "lib/port/files.h"

namespace sluice::stage {

namespace {

SettingNode neutral(const toml::node& node, const std::string& file) {
  SettingNode into;
  into.place = {file, static_cast<int>(node.source().begin.line)};
  if (const auto* table = node.as_table()) {
    SettingNode::Table members;
    for (const auto& [key, value] : *table) {
      members.push_back({std::string(key.str()), neutral(value, file)});
    }
    // toml++ sorts by name; the file's order is what people meant.
    std::stable_sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
      return a.node.place.line < b.node.place.line;
    });
    into.value = std::move(members);
  } else if (const auto* array = node.as_array()) {
    SettingNode::Array members;
    for (const toml::node& value : *array) members.push_back(neutral(value, file));
    into.value = std::move(members);
  } else if (const auto* text = node.as_string()) {
    into.value = text->get();
  } else if (const auto* whole = node.as_integer()) {
    into.value = whole->get();
  } else if (const auto* real = node.as_floating_point()) {
    into.value = real->get();
  } else if (const auto* flag = node.as_boolean()) {
    into.value = flag->get();
  }
  return into;
}

}  // namespace

Result<SettingNode> read_settings_file(const std::string& path) {
  const auto text = port::read_whole(path);
  if (!text) return Error{Trouble::kSettings, text.error().what};
  try {
    return neutral(toml::parse(*text, path), path);
  } catch (const toml::parse_error& wrong) {
    const Place place{path, static_cast<int>(wrong.source().begin.line)};
    return Error{Trouble::kSettings, place.text() + ": " + std::string(wrong.description())};
  }
}

}  // namespace sluice::stage
