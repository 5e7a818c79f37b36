// API keys of the settings: what is refused, and what a token that comes, changes or goes opens.
#include "ingest/setting_keys.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "lib/stage/settings_file.h"

namespace sluice::ingest {
namespace {

constexpr const char* kReference = "secret://aws/door#shop";
const char* const kToken = "sluice_0123456789abcdef0123456789abcdef";

Result<SettingKeys> read(const std::string& text) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("sluice-keys-" + std::to_string(getpid()) + ".toml");
  std::ofstream(path) << text;
  auto tree = stage::read_settings_file(path);
  std::filesystem::remove(path);
  EXPECT_TRUE(tree.ok());
  Settings settings;
  settings.tree = std::move(*tree);
  return SettingKeys::read(settings);
}

std::string table(const std::string& more) {
  return "[[api_key]]\nname = \"shop\"\ntoken = \"" + std::string(kReference) + "\"\n" + more;
}

TEST(SettingKeys, WhatIsWrongIsNamed) {
  const std::map<std::string, std::string> wrong = {
      {"[[api_key]]\nname = \"shop\"\ntoken = \"plain\"\n", ":3: token: must be secret://"},
      {"[[api_key]]\nname = \"a b\"\ntoken = \"secret://env/T\"\n", ":2: name: made of"},
      {table("upstreams = [\"none\"]\n"), ":4: upstreams: no upstream is named \"none\""},
      {table("") + table(""), ":5: name: there are two [[api_key]] named \"shop\""}};
  for (const auto& [text, why] : wrong) {
    const auto keys = read(text);
    ASSERT_FALSE(keys.ok()) << text;
    EXPECT_NE(keys.error().what.find(why), std::string::npos) << keys.error().what;
  }
}

TEST(SettingKeys, ATokenOpensWhatItsTableSays) {
  auto keys = read(table("may = \"control\"\nupstreams = [\"onlyfans\"]\nkeys = [\"*:u-1\"]\n"));
  ASSERT_TRUE(keys.ok()) << keys.error().what;
  EXPECT_EQ(keys->tokens().at(0).reference, kReference);
  Result<std::string> token = Error{Trouble::kUnavailable, "is being read"};
  ApiKeys door;
  const auto look = [&] {
    const bool changed = keys->look([&](const std::string&) { return token; });
    door.set(keys->keys());
    return changed;
  };
  EXPECT_FALSE(look());
  EXPECT_TRUE(door.any()) << "without its token it opens nothing, and leaves no door open";
  EXPECT_EQ(door.find(""), nullptr);
  token = std::string(kToken);
  EXPECT_TRUE(look());
  EXPECT_FALSE(look());
  ASSERT_NE(door.find(kToken), nullptr);
  EXPECT_EQ(door.find(kToken)->right, Right::kControl);
  EXPECT_TRUE(door.find(kToken)->scope.covers("onlyfans", "onlyfans:u-1"));
  EXPECT_FALSE(door.find(kToken)->scope.covers("onlyfans", "onlyfans:u-2"));
  token = std::string("guessable");
  EXPECT_TRUE(look());
  EXPECT_EQ(door.find("guessable"), nullptr);
  EXPECT_EQ(door.find(kToken), nullptr);
  EXPECT_EQ(keys->guessable(), std::vector<std::string>{"shop"});
  token = Error{Trouble::kUnavailable, "is gone"};
  EXPECT_TRUE(look());
  EXPECT_TRUE(keys->guessable().empty());
}

}  // namespace
}  // namespace sluice::ingest
