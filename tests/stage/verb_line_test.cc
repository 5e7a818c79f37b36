#include "lib/stage/verb_line.h"

#include <gtest/gtest.h>

namespace sluice::stage {
namespace {

Result<VerbLine> read(std::vector<const char*> words) {
  words.insert(words.begin(), {"sluice-x", "verb"});
  return read_verb_line(static_cast<int>(words.size()), words.data(),
                        {.flags = {"--json"}, .valued = {"--key"}});
}

std::vector<std::string> rest(const VerbLine& line) { return {line.rest.begin(), line.rest.end()}; }
using Words = std::vector<std::string>;

TEST(VerbLine, WordsOptionsAndSettingsInAnyOrder) {
  const auto line = read(
      {"--settings", "f.toml", "show", "--key=a", "--json", "-", "--key", "b", "--listen=x", "ID"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->words, (Words{"show", "-", "ID"}));
  EXPECT_EQ(rest(*line), (Words{"sluice-x", "--settings", "f.toml", "--listen=x"}));
  EXPECT_TRUE(line->has("--json"));
  EXPECT_EQ(line->all("--key"), (Words{"a", "b"}));
  EXPECT_EQ(line->value("--key"), "b");
}

TEST(VerbLine, WhatWasNotSaidIsEmpty) {
  const auto line = read({});
  ASSERT_TRUE(line);
  EXPECT_FALSE(line->has("--json"));
  EXPECT_EQ(line->value("--key"), "");
  EXPECT_TRUE(line->all("--key").empty());
}

TEST(VerbLine, BareFlagsOfEveryProgramTakeNoWord) {
  const auto line = read({"--check", "ID", "--print-settings", "two"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->words, (Words{"ID", "two"}));
}

TEST(VerbLine, AnOptionWithoutItsValueIsNamed) {
  for (const auto& words : {std::vector<const char*>{"--key"}, {"--key", "--json"}}) {
    const auto line = read(words);
    ASSERT_FALSE(line);
    EXPECT_EQ(line.error().code, Trouble::kUsage);
    EXPECT_EQ(line.error().what, "--key needs a value");
  }
}

}  // namespace
}  // namespace sluice::stage
