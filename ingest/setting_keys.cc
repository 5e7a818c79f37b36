#include "ingest/setting_keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/stage/upstreams.h"

namespace sluice::ingest {

namespace {

using Type = SettingType;

constexpr std::size_t kTokenMin = 32;  // characters: sluice-ingest keys add makes 50

constexpr std::array kRows = {
    SettingRow{.name = "name",
               .help = "What it is called, and who logs say it was.",
               .min = 1,
               .max = 64,
               .required = true},
    SettingRow{.name = "token",
               .help = "secret://env/NAME, /file/PATH or /aws/NAME#FIELD: what clients send, at "
                       "least 32 characters by chance.",
               .min = 1,
               .max = 4096,
               .required = true},
    SettingRow{.name = "may",
               .type = Type::kOneOf,
               .preset = "read",
               .help = "read looks; control also sends, cancels, pauses; limits also edits limits.",
               .words = "read|control|limits"},
    SettingRow{
        .name = "upstreams", .type = Type::kList, .help = "Whose messages; none: all.", .max = 64},
    SettingRow{.name = "keys",
               .type = Type::kList,
               .help = "Globs of whole keys (\"onlyfans:user-*\"); none: all.",
               .max = 64},
};

Error wrong(const SettingTable& table, const char* name, const std::string& why) {
  return {Trouble::kSettings, table.place_of(name).text() + ": " + name + ": " + why};
}

Result<ApiKey> read_key(const SettingTable& table, const std::vector<Upstream>& upstreams) {
  ApiKey key;
  key.name = table.text("name");
  if (!is_key_name(key.name)) {
    return wrong(table, "name", "made of letters, digits, '.', '_' and '-'");
  }
  if (!port::is_secret(table.text("token"))) {
    return wrong(table, "token",
                 "must be secret://env/NAME, secret://file/PATH or secret://aws/NAME#FIELD");
  }
  key.right = right_of(table.text("may")).value_or(Right::kRead);
  key.scope = {table.list("upstreams"), table.list("keys")};
  for (const std::string& name : key.scope.upstreams) {
    const bool known = std::any_of(upstreams.begin(), upstreams.end(),
                                   [&](const Upstream& one) { return one.name == name; });
    if (!known) return wrong(table, "upstreams", "no upstream is named \"" + name + "\"");
  }
  return key;
}

}  // namespace

std::span<const SettingRow> api_key_rows() { return kRows; }

Result<SettingKeys> SettingKeys::read(const Settings& settings) {
  auto upstreams = stage::read_upstreams(settings);
  if (!upstreams) return upstreams.error();
  auto tables = settings.tables("api_key", kRows);
  if (!tables) return tables.error();
  SettingKeys all;
  for (const SettingTable& table : *tables) {
    auto key = read_key(table, *upstreams);
    if (!key) return key.error();
    const bool twice = std::any_of(all.keys_.begin(), all.keys_.end(),
                                   [&](const ApiKey& other) { return other.name == key->name; });
    if (twice) return wrong(table, "name", "there are two [[api_key]] named \"" + key->name + "\"");
    all.keys_.push_back(std::move(*key));
    aws::name_secrets(table, {"token"}, {}, all.tokens_);
  }
  all.seen_.resize(all.keys_.size());
  return all;
}

bool SettingKeys::look(const port::ReadSecret& read) {
  bool changed = false;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const auto token = read(tokens_[i].reference);
    std::string hash = token ? token_hash(*token) : "";
    if (hash == seen_[i]) continue;
    changed = true;
    seen_[i] = hash;
    keys_[i].hash = token && token->size() >= kTokenMin ? std::move(hash) : "";
  }
  return changed;
}

std::vector<std::string> SettingKeys::guessable() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (!seen_[i].empty() && keys_[i].hash.empty()) names.push_back(keys_[i].name);
  }
  return names;
}

}  // namespace sluice::ingest
