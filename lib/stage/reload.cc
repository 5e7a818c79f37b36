#include "lib/stage/reload.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "lib/stage/upstreams.h"

namespace sluice::stage {

namespace {

// Files, locks and every span of the process were made with them.
constexpr std::string_view kFixed[] = {"data_dir", "time_scale"};
// Taken by the skeleton itself.
constexpr std::string_view kOwn[] = {"log_level", "stop_timeout"};

template <class Names>
bool has(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

using Tables = Result<std::vector<SettingTable>>;

bool same(const Tables& before, const Tables& after) {
  if (!before || !after) return before.ok() == after.ok();
  return std::equal(before->begin(), before->end(), after->begin(), after->end(),
                    [](const SettingTable& one, const SettingTable& other) {
                      return one.differences(other).empty();
                    });
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::vector<std::string> changes(const StageInfo& info, const Settings& before,
                                 const Settings& after) {
  std::vector<std::string> names = after.shared.differences(before.shared);
  for (std::string& name : after.stage.differences(before.stage)) names.push_back(std::move(name));
  if (info.upstreams) {
    if (!same(upstream_tables(before), upstream_tables(after))) names.emplace_back("[[upstream]]");
    if (!same(limit_tables(before), limit_tables(after))) names.emplace_back("[[limit]]");
  }
  for (const TableRows& table : info.tables) {
    if (same(before.tables(table.name, table.rows), after.tables(table.name, table.rows))) continue;
    names.push_back("[[" + std::string(table.name) + "]]");
  }
  return names;
}

void Reload::refuse(const std::string& why) {
  log_.error("SIGHUP: the settings are not taken, the old ones stay", {{"why", why}});
}

void Reload::say(const std::vector<std::string>& changed, std::vector<std::string> taken) {
  taken.insert(taken.end(), std::begin(kOwn), std::end(kOwn));
  std::vector<std::string> now, later;
  for (const std::string& name : changed) (has(taken, name) ? now : later).push_back(name);
  if (changed.empty()) log_.info("SIGHUP: the settings are as they were");
  if (!now.empty()) log_.info("SIGHUP: new settings are taken", {{"settings", joined(now)}});
  if (later.empty()) return;
  log_.warning("SIGHUP: these settings need a restart; until then the old ones hold",
               {{"settings", joined(later)}});
}

std::optional<Settings> Reload::perform(const Read& read, const Take& take) {
  auto fresh = read();
  if (!fresh) {
    refuse(fresh.error().what);
    return std::nullopt;
  }
  const std::vector<std::string> changed = changes(info_, before_, *fresh);
  for (const std::string& name : changed) {
    if (!has(kFixed, name)) continue;
    refuse(fresh->shared.place_of(name).text() + ": " + name +
           " cannot change while the process runs");
    return std::nullopt;
  }
  std::vector<std::string> taken;
  if (take && !changed.empty()) {
    auto said = take(*fresh);
    if (!said) {
      refuse(said.error().what);
      return std::nullopt;
    }
    taken = std::move(*said);
  }
  say(changed, std::move(taken));
  return std::move(*fresh);
}

}  // namespace sluice::stage
