// The front door over real HTTP: limits.
#include <gtest/gtest.h>

#include "tests/ingest/door_world.h"

namespace sluice::ingest {
namespace {

TEST_F(Door, LimitsAreEditedInThePlaceOfTheVersionThatIfMatchNames) {
  constexpr const char* kPath = "/v1/limits?upstream=onlyfans";
  EXPECT_EQ(ask("GET", kPath).status, 503);  // no limiter
  limiter_up();
  controlled_.limits_version = 0x1a;
  controlled_.limit_rows.push_back({"few", wire::LimitScope::kKey, wire::LimitKind::kRate, 5,
                                    seconds(10), 2, seconds(1), false});
  controlled_.by = "bob";
  controlled_.at = StoreTime{1'795'227'840'000'000};
  Answer answer = ask("GET", kPath);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("ETag"), "\"000000000000001a\"");
  EXPECT_EQ(answer.body,
            R"({"upstream":"onlyfans","version":"000000000000001a","limits":[{"name":"few",)"
            R"("kind":"rate","scope":"key","n":5,"window":"10s","burst":2,"guard":"1s",)"
            R"("shadow":false}],"edited_by":"bob","edited_at":"2026-11-21T02:24:00.000000Z"})"
            "\n");
  const std::string few = R"({"by":"ann","limits":[{"n":5,"window":"10s","burst":2}]})";
  EXPECT_EQ(ask("PUT", kPath, few).status, 428);
  EXPECT_EQ(ask("PUT", kPath, few, "If-Match: 1a\r\n").status, 400);
  EXPECT_EQ(ask("PUT", "/v1/limits", few, "If-Match: *\r\n").status, 400);
  EXPECT_EQ(ask("PUT", "/v1/limits?upstream=nobody", few, "If-Match: *\r\n").status, 404);
  answer = ask("PUT", kPath, R"({"limits":[{"n":0}]})", "If-Match: *\r\n");
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find(R"("field":"/limits/0/n")"), std::string::npos) << answer.body;
  ASSERT_EQ(told_.size(), 1U);  // the question; no edit
  EXPECT_EQ(ask("PUT", kPath, few, "If-Match: \"000000000000001a\"\r\n").status, 200);
  EXPECT_EQ(told_.back().limits_version, 0x1aU);
  EXPECT_EQ(told_.back().by, "ann");
  ASSERT_EQ(told_.back().limit_rows.size(), 1U);
  EXPECT_EQ(told_.back().limit_rows[0].name, "5 per 10s");
  EXPECT_EQ(ask("PUT", kPath, few, "If-Match: *\r\n").status, 200);
  EXPECT_EQ(told_.back().limits_version, 0U);
  controlled_ = {0, false, "another version holds"};
  controlled_.stale = true;
  controlled_.limits_version = 0x1b;
  answer = ask("PUT", kPath, few, "If-Match: \"000000000000001a\"\r\n");
  EXPECT_EQ(answer.status, 412);
  EXPECT_EQ(answer.header("ETag"), "\"000000000000001b\"");
  controlled_ = {0, false, "must be at least 501ms", "/limits/0/guard"};
  answer = ask("PUT", kPath, few, "If-Match: *\r\n");
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find(R"("field":"/limits/0/guard")"), std::string::npos) << answer.body;
  controlled_ = {0, false, "the store has not answered"};
  answer = ask("PUT", kPath, few, "If-Match: *\r\n");
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("not known whether"), std::string::npos);
}

TEST_F(Door, LimitsNeedARightOfTheirOwnOnTheWholeUpstream) {
  limiter_up();
  const auto key_of = [](const std::string& name, Right right, Scope scope) {
    return ApiKey{name, token_hash(name), right, std::move(scope), {}, {}};
  };
  door_->set_keys({key_of("reader", Right::kRead, {}), key_of("sender", Right::kControl, {}),
                   key_of("restricted", Right::kLimits, {{}, {"onlyfans:u*"}}),
                   key_of("elsewhere", Right::kLimits, {{"other"}, {}}),
                   key_of("owner", Right::kLimits, {{"onlyfans"}, {}})},
                  false);
  std::string body = R"({"limits":[{"n":5}]})";
  const auto as = [&](const std::string& method, const std::string& who) {
    return ask(method, "/v1/limits?upstream=onlyfans", body,
               "If-Match: *\r\nAuthorization: Bearer " + who + "\r\n")
        .status;
  };
  EXPECT_EQ(as("GET", "reader"), 200);
  EXPECT_EQ(as("PUT", "reader"), 403);
  EXPECT_EQ(as("GET", "sender"), 200);
  EXPECT_EQ(as("PUT", "sender"), 403);  // who may send may not say how much
  EXPECT_EQ(as("PUT", "restricted"), 403);
  EXPECT_EQ(as("GET", "elsewhere"), 403);
  EXPECT_EQ(as("PUT", "elsewhere"), 403);
  EXPECT_EQ(as("PUT", "owner"), 200);
  EXPECT_EQ(told_.back().by, "owner");
  body = R"({"by":"settings","limits":[{"n":5}]})";
  EXPECT_EQ(as("PUT", "owner"), 200);
  EXPECT_EQ(told_.back().by, "owner: settings");  // nobody is taken for another
}

}  // namespace
}  // namespace sluice::ingest
