#include "ingest/limits_document.h"

#include <gtest/gtest.h>

#include "lib/wire/limits.h"

namespace sluice::ingest {
namespace {

std::variant<AskLimits, Refusal> read(const std::string& body, std::int64_t scale = 1'000'000) {
  return read_limits_document(body, "onlyfans", scale);
}

Refusal refusal(const std::string& body) {
  const auto document = read(body);
  const auto* found = std::get_if<Refusal>(&document);
  return found == nullptr ? Refusal{200, body, ""} : *found;
}

TEST(LimitsDocument, HasTheRowsOfTheSettings) {
  const auto document = read(R"({"by":"ann","limits":[
      {"n":5,"window":"10s","burst":2,"guard":"600ms"},
      {"upstream":"onlyfans","name":"open","kind":"concurrency","scope":"upstream","n":40},
      {"n":300,"window":"1h","shadow":true}]})");
  ASSERT_TRUE(std::holds_alternative<AskLimits>(document)) << std::get<Refusal>(document).why;
  const auto& ask = std::get<AskLimits>(document);
  EXPECT_EQ(ask.upstream, "onlyfans");
  EXPECT_EQ(ask.by, "ann");
  const std::vector<Limit> limits = wire::limits_of(ask.rows);
  ASSERT_EQ(limits.size(), 3U);
  EXPECT_EQ(limits[0],
            (Limit{"5 per 10s", LimitScope::kKey, 5, seconds(10), 2, milliseconds(600)}));
  EXPECT_EQ(limits[1].kind, LimitKind::kConcurrency);
  EXPECT_EQ(limits[1].scope, LimitScope::kUpstream);
  EXPECT_TRUE(limits[2].shadow);
}

TEST(LimitsDocument, WhatIsSaidIsWhatWasRead) {
  const std::string body = R"({"limits":[{"n":5,"window":"1500ms","burst":2,"guard":"7ms"},)"
                           R"({"name":"open","kind":"concurrency","n":40}]})";
  for (const std::int64_t scale : {1'000'000, 100'000, 333'333, 1'000, 3'000'000}) {
    const auto rows = std::get<AskLimits>(read(body, scale)).rows;
    const std::string said = R"({"limits":)" + limits_json(rows, scale) + "}";
    const auto again = read(said, scale);
    ASSERT_TRUE(std::holds_alternative<AskLimits>(again)) << said;
    EXPECT_EQ(std::get<AskLimits>(again).rows, rows) << said << " at " << scale;
  }
}

TEST(LimitsDocument, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"[]", ""},
      {"{}", "/limits"},
      {R"({"limits":{}})", "/limits"},
      {R"({"limits":[]})", "/limits"},
      {R"({"limits":[{"n":1}],"limits":[{"n":2}]})", "/limits"},
      {R"({"limits":[{"n":1}],"version":"x"})", "/version"},
      {R"({"limits":[{"n":1}],"by":7})", "/by"},
      {R"({"limits":[{"n":1}],"by":"a\u0007"})", "/by"},
      {R"({"limits":[7]})", "/limits/0"},
      {R"({"limits":[{"n":1},{"n":0}]})", "/limits/1/n"},
      {R"({"limits":[{"n":1.5}]})", "/limits/0/n"},
      {R"({"limits":[{"n":99999999999999999999}]})", "/limits/0/n"},
      {R"({"limits":[{"n":null}]})", "/limits/0/n"},
      {R"({"limits":[{"n":[1]}]})", "/limits/0/n"},
      {R"({"limits":[{"n":1,"n":2}]})", "/limits/0/n"},
      {R"({"limits":[{"window":"1ms"}]})", "/limits/0/window"},
      {R"({"limits":[{"window":60}]})", "/limits/0/window"},
      {R"({"limits":[{"n":2,"burst":3}]})", "/limits/0/burst"},
      {R"({"limits":[{"scope":"all"}]})", "/limits/0/scope"},
      {R"({"limits":[{"kind":"concurrency","window":"1s"}]})", "/limits/0/window"},
      {R"({"limits":[{"name":"a\nb"}]})", "/limits/0/name"},
      {R"({"limits":[{"upstream":"other"}]})", "/limits/0/upstream"},
      {R"({"limits":[{"nn":1}]})", "/limits/0/nn"},
      {R"({"limits":[{"n":1},{"n":1}]})", "/limits/1"},
  };
  for (const auto& [body, field] : cases) {
    EXPECT_EQ(refusal(body).status, 400) << body;
    EXPECT_EQ(refusal(body).field, field) << body << ": " << refusal(body).why;
    EXPECT_FALSE(refusal(body).why.starts_with("/")) << refusal(body).why;
  }
  std::string many = R"({"limits":[)";
  for (int n = 1; n <= 33; ++n) many += "{\"n\":" + std::to_string(n) + ",\"burst\":1},";
  many.back() = ']';
  EXPECT_EQ(refusal(many + "}").field, "/limits");
}

TEST(VersionTag, ComesBack) {
  for (const std::uint64_t version : {1ULL, 0xfedcba9876543210ULL, ~0ULL}) {
    EXPECT_EQ(read_version_tag(version_tag(version)), version);
  }
  EXPECT_EQ(version_tag(0x1a), "\"000000000000001a\"");
  EXPECT_EQ(read_version_tag(" * "), 0U);
  for (const char* wrong : {"", "1a", "\"1a\"", "W/\"000000000000001a\"", "\"000000000000001g\"",
                            "\"0000000000000000\"", "\"000000000000001a\", \"000000000000001b\"",
                            "000000000000001a00"}) {
    EXPECT_FALSE(read_version_tag(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace sluice::ingest
