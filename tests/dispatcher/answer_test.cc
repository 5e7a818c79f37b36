// What an answer says: its status by the upstream's rules, its body, its quota, two Retry-After.
#include <gtest/gtest.h>

#include "dispatcher/quota.h"
#include "dispatcher/retry_after.h"
#include "dispatcher/status_table.h"
#include "tests/dispatcher/core_world.h"

namespace sluice::dispatcher {
namespace {

constexpr std::int64_t kNow = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

std::string said(const std::vector<Field>& fields, std::int64_t now_s = kNow,
                 std::string_view date = kDate) {
  const auto quota = quota_of(fields, date, now_s);
  if (!quota) return "nothing";
  return std::to_string(quota->left) + " for " + std::to_string(quota->reset.us / 1'000'000);
}

TEST(Quota, EveryDialectIsRead) {
  EXPECT_EQ(said({{"ratelimit", "\"default\";r=50;t=30"}}), "50 for 30");
  EXPECT_EQ(said({{"ratelimit", "\"a\";r=5;t=30, \"b\" ; r=2 ; t=9"}}), "2 for 9");
  EXPECT_EQ(said({{"ratelimit", "\"a,b;r=1\";r=7;t=3"}}), "7 for 3");
  EXPECT_EQ(
      said({{"ratelimit", "\"a\";r=0"}, {"ratelimit-policy", "\"z\";q=9;w=1,\"a\";q=9;w=60"}}),
      "0 for 60");
  EXPECT_EQ(said({{"ratelimit", "limit=100, remaining=50, reset=30"}}), "50 for 30");
  EXPECT_EQ(said({{"ratelimit-remaining", "4"}, {"ratelimit-reset", " 12"}}), "4 for 12");
  EXPECT_EQ(said({{"x-ratelimit-remaining", "4"}, {"x-ratelimit-reset", "0.25"}}), "4 for 1");
  EXPECT_EQ(said({{"x-rate-limit-remaining", "4"}, {"x-rate-limit-reset", "2"}}), "4 for 2");
}

TEST(Quota, AnEndSinceTheEpochCountsFromTheAnswersDate) {
  const std::string now = "2000000000";
  const std::string_view date = "Wed, 18 May 2033 03:33:10 GMT";  // 10 s before
  const std::vector<Field> fields = {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", now}};
  EXPECT_EQ(said(fields, kNow, date), "0 for 10");
  EXPECT_EQ(said(fields, 1'999'999'970, ""), "0 for 30");
  EXPECT_EQ(said(fields, 0, ""), "nothing");
  EXPECT_EQ(said({{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", now + "000"}}, kNow, date),
            "0 for 11");
  EXPECT_EQ(said(fields, 2'000'000'500, ""), "nothing") << "it has passed";
}

TEST(Quota, OfSeveralTheTightestCounts) {
  EXPECT_EQ(said({{"ratelimit", "\"a\";r=3;t=5"},
                  {"x-ratelimit-remaining", "1"},
                  {"x-ratelimit-reset", "2"}}),
            "1 for 2");
  EXPECT_EQ(said({{"ratelimit", "\"a\";r=0;t=5,\"b\";r=0;t=50"}}), "0 for 50");
  EXPECT_EQ(said({{"ratelimit", "\"a\";r=5;t=5"}, {"ratelimit", "\"b\";r=2;t=9"}}), "2 for 9");
  EXPECT_EQ(said({{"ratelimit", "\"a\";r=1"},
                  {"ratelimit-policy", "\"z\";q=9;w=1"},
                  {"ratelimit-policy", "\"a\";q=9;w=60"}}),
            "1 for 60");
}

TEST(Quota, WhatIsHostileOrBrokenSaysNothingOrLittle) {
  for (const std::string wrong :
       {"", ";", ",", "=", "\"", "\"\\", "r=1", "\"a\";r=-1;t=5", "\"a\";r=1;t=-5", "\"a\";r=1;t=0",
        "\"a\";r=1e9;t=5", "\"a\";r;t", "\"a\";r=;t=", "remaining=5", "remaining=x, reset=1",
        "\"a;r=1;t=1", ":AAA=:;r=x;t=1"}) {
    EXPECT_EQ(said({{"ratelimit", wrong}}), "nothing") << wrong;
  }
  EXPECT_EQ(said({{"ratelimit", "\"a\";r=99999999999999999999999;t=99999999"}}),
            "4294967295 for 86400");
  EXPECT_EQ(said({{"ratelimit", std::string(100'000, ',')}}), "nothing");
  EXPECT_EQ(said({{"ratelimit-remaining", "1"}, {"ratelimit-reset", std::string(5000, '9')}}),
            "1 for 86400");
}

TEST(RetryAfter, OfSeveralFieldsTheLongestCounts) {
  EXPECT_EQ(longest_retry_after(" 5\n 120\n 7", kDate, kNow), seconds(120));
  EXPECT_EQ(longest_retry_after(" soon\n 7", kDate, kNow), seconds(7));
  EXPECT_EQ(longest_retry_after("Sun, 06 Nov 1994 08:50:37 GMT\n9", kDate, kNow), seconds(60));
  EXPECT_FALSE(longest_retry_after("soon\n\n", kDate, kNow));
}

TEST(Statuses, TheNarrowestRuleOfTheUpstreamComesFirst) {
  Upstream upstream;
  upstream.statuses = {{{400, 499}, StatusMeans::kFailed},
                       {{404, 404}, StatusMeans::kDelivered},
                       {{402, 402}, StatusMeans::kThrottled},
                       {{500, 599}, StatusMeans::kRefused}};
  EXPECT_EQ(ended_by(upstream, 404, false), wire::Ended::kDelivered);
  EXPECT_EQ(ended_by(upstream, 402, false), wire::Ended::kThrottled);
  EXPECT_EQ(ended_by(upstream, 410, false), wire::Ended::kFailed);
  EXPECT_EQ(ended_by(upstream, 503, true), wire::Ended::kRefused);
  EXPECT_EQ(ended_by(upstream, 200, false), wire::Ended::kDelivered);
}

class AnswerTest : public CoreTest {
 protected:
  void fresh_with(const std::function<void(Upstream&)>& change) {
    Config config = config_of();
    change(config.upstreams[0]);
    fresh(std::move(config));
  }
  wire::Outcome answered(std::uint32_t status, std::string body, std::vector<Field> quota = {}) {
    dispatch(1);
    out();
    HttpEnded reply;
    reply.attempt = attempt(1);
    reply.end = HttpEnd::kAnswered;
    reply.status = status;
    reply.answer = std::move(body);
    reply.quota = std::move(quota);
    reply.sent = now_;
    reply.ended = now_;
    core_->complete(reply, now_, out_);
    effects_ = out();
    const auto outcomes = only<wire::Outcome>(effects_);
    EXPECT_EQ(outcomes.size(), 1u);
    return outcomes.at(0);
  }
  std::vector<DispatcherCore::Effect> effects_;
};

TEST_F(AnswerTest, ItsFirstBytesAndItsQuotaAreSaid) {
  fresh_with([](Upstream& upstream) { upstream.answer_kept = 5; });
  const wire::Outcome outcome = answered(200, "0123456789", {{"ratelimit", "\"a\";r=2;t=9"}});
  EXPECT_EQ(outcome.answer, "01234");
  EXPECT_TRUE(outcome.quota_told);
  EXPECT_EQ(outcome.quota_left, 2u);
  EXPECT_EQ(outcome.quota_reset, seconds(9));
}

TEST_F(AnswerTest, AbnormalUsageStopsTheKeyAndTheMessageWaits) {
  fresh_with([](Upstream& upstream) { upstream.abnormal = {{{400, 499}, "abnormal usage"}}; });
  const wire::Outcome outcome = answered(403, "{\"error\":\"Abnormal  use. ABNORMAL Usage!\"}");
  EXPECT_TRUE(outcome.abnormal);
  EXPECT_EQ(outcome.ended, wire::Ended::kThrottled);
  const auto penalties = only<wire::Penalty>(effects_);
  ASSERT_EQ(penalties.size(), 1u);
  EXPECT_TRUE(penalties[0].abnormal);
  dispatch(2);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kRecalled);
}

TEST_F(AnswerTest, TheSameWordsWithAnotherStatusAreNone) {
  fresh_with([](Upstream& upstream) { upstream.abnormal = {{{400, 499}, "abnormal usage"}}; });
  const wire::Outcome outcome = answered(200, "no abnormal usage was seen");
  EXPECT_FALSE(outcome.abnormal);
  EXPECT_EQ(outcome.ended, wire::Ended::kDelivered);
}

TEST_F(AnswerTest, ALimiterThatComesUpHearsOfPenaltiesThatNobodyHasWritten) {
  dispatch(1);
  dispatch(2, "u:other");
  out();
  ended(1, HttpEnd::kAnswered, 429, "30");
  ended(2, HttpEnd::kAnswered, 200);
  out();
  to(10'000);
  out();
  up(kB, 200);
  auto told = only<wire::Penalty>(out());
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].key, "u:k");
  EXPECT_EQ(told[0].retry_after, seconds(20));
  down(kB);
  take(wire::Completed{attempt(1)});
  out();
  up(kB, 201);
  EXPECT_TRUE(only<wire::Penalty>(out()).empty()) << "the store has it";
}

}  // namespace
}  // namespace sluice::dispatcher
