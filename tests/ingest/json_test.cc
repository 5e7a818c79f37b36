// The JSON reader against nlohmann-json, over mutated texts; and JSON Pointer by the RFC's
// examples.
#include "ingest/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/base/prng.h"

namespace sluice::ingest {
namespace {

constexpr std::string_view kSeedText =
    R"({"a":[1,-0.5e+3,{"b\u00e9\ud83d\ude00":"x\n\"\\"},[],{}],"":null,"t":true,"f":false,"é":0})";

std::string mutated(Prng& prng) {
  constexpr std::string_view kBytes = "{}[]\",:\\u0123456789.eE+-tfn \n\xc3\xa9\xff\x01";
  std::string text(kSeedText);
  const std::uint64_t edits = prng.below(4);
  for (std::uint64_t n = 0; n < edits && !text.empty(); ++n) {
    const std::size_t at = prng.below(text.size());
    const char byte = kBytes[prng.below(kBytes.size())];
    switch (prng.below(3)) {
      case 0:
        text[at] = byte;
        break;
      case 1:
        text.insert(at, 1, byte);
        break;
      default:
        text.erase(at, 1 + prng.below(3));
    }
  }
  return text;
}

TEST(Json, AgreesWithNlohmannOnMutatedTexts) {
  Prng prng(7);
  int good = 0;
  for (int n = 0; n < 50'000; ++n) {
    const std::string text = mutated(prng);
    const bool ours = !json_trouble(text);
    ASSERT_EQ(ours, nlohmann::json::accept(text)) << text;
    if (!ours) continue;
    ++good;
    const auto theirs = nlohmann::json::parse(text);
    if (!theirs.is_object() || json_whole(text).kind != JsonKind::kObject) continue;
    for (const auto& [name, value] : json_members(json_whole(text))) {
      ASSERT_TRUE(theirs.contains(name)) << text;
      ASSERT_FALSE(json_trouble(value.text)) << text;
      if (value.kind == JsonKind::kString && theirs[name].is_string()) {
        const auto twice = json_at(json_whole(text), "/" + name);
        if (twice.ok() && name.find_first_of("/~") == std::string::npos) {
          EXPECT_EQ(json_string(value), theirs[name].get<std::string>());
        }
      }
    }
  }
  EXPECT_GT(good, 10'000);
}

TEST(Json, EveryPrefixOfATextIsRefused) {
  for (std::size_t length = 0; length < kSeedText.size(); ++length) {
    EXPECT_TRUE(json_trouble(kSeedText.substr(0, length))) << length;
  }
  EXPECT_FALSE(json_trouble(kSeedText));
}

TEST(Json, IsStrict) {
  for (const char* bad : {"",
                          " ",
                          "{'a':1}",
                          "[1,]",
                          "{\"a\":1,}",
                          "01",
                          "1.",
                          ".5",
                          "+1",
                          "1e",
                          "nul",
                          "tru",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\ud800\"",
                          "\"\\udc00\"",
                          "\"\\ud800\\u0041\"",
                          "\"\x01\"",
                          "\"\xc0\x80\"",
                          "\"\xed\xa0\x80\"",
                          "\"\xf4\x90\x80\x80\"",
                          "1 2",
                          "[1}",
                          "NaN",
                          "Infinity",
                          "//x\n1"}) {
    EXPECT_TRUE(json_trouble(bad)) << bad;
  }
}

TEST(JsonPointer, FollowsTheRfc) {
  const std::string text =
      R"({"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8})";
  const std::pair<const char*, const char*> cases[] = {{"/foo", R"(["bar","baz"])"},
                                                       {"/foo/0", R"("bar")"},
                                                       {"/", "0"},
                                                       {"/a~1b", "1"},
                                                       {"/c%d", "2"},
                                                       {"/e^f", "3"},
                                                       {"/g|h", "4"},
                                                       {"/i\\j", "5"},
                                                       {"/k\"l", "6"},
                                                       {"/ ", "7"},
                                                       {"/m~0n", "8"}};
  for (const auto& [pointer, expected] : cases) {
    const auto found = json_at(json_whole(text), pointer);
    ASSERT_TRUE(found.ok() && *found) << pointer;
    EXPECT_EQ((*found)->text, expected) << pointer;
  }
  for (const char* absent : {"/nope", "/foo/2", "/foo/01", "/foo/-", "/foo/x", "/foo/0/x"}) {
    const auto found = json_at(json_whole(text), absent);
    ASSERT_TRUE(found.ok());
    EXPECT_FALSE(*found) << absent;
  }
  EXPECT_FALSE(pointer_trouble(""));
  EXPECT_TRUE(pointer_trouble("a"));
  EXPECT_TRUE(pointer_trouble("/~2"));
  EXPECT_TRUE(pointer_trouble("/~"));
}

TEST(JsonPointer, ANameThatIsThereTwiceIsRefused) {
  const std::string text = R"({"a":1,"\u0061":2})";
  EXPECT_FALSE(json_at(json_whole(text), "/a").ok());
}

}  // namespace
}  // namespace sluice::ingest
