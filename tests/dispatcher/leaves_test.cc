#include <gtest/gtest.h>

#include <chrono>

#include "dispatcher/breaker.h"
#include "dispatcher/clocks.h"
#include "dispatcher/closures.h"
#include "dispatcher/retry_after.h"
#include "dispatcher/status_table.h"
#include "lib/base/http_date.h"

namespace sluice::dispatcher {
namespace {

TEST(StatusTable, SaysWhatTheDesignSays) {
  struct Row {
    std::uint32_t status;
    wire::Ended alone;
    wire::Ended with_time;
  };
  using enum wire::Ended;
  for (const Row& row :
       {Row{200, kDelivered, kDelivered}, Row{204, kDelivered, kDelivered},
        Row{301, kRefused, kRefused}, Row{302, kRefused, kRefused}, Row{307, kRefused, kRefused},
        Row{400, kRefused, kRefused}, Row{401, kRefused, kRefused}, Row{403, kRefused, kThrottled},
        Row{404, kRefused, kRefused}, Row{408, kFailed, kFailed}, Row{409, kFailed, kFailed},
        Row{425, kFailed, kFailed}, Row{429, kThrottled, kThrottled}, Row{500, kFailed, kFailed},
        Row{502, kFailed, kFailed}, Row{503, kFailed, kThrottled}, Row{599, kFailed, kFailed},
        Row{101, kRefused, kRefused}, Row{777, kFailed, kFailed}}) {
    EXPECT_EQ(ended_by(Upstream{}, row.status, false), row.alone) << row.status;
    EXPECT_EQ(ended_by(Upstream{}, row.status, true), row.with_time) << row.status;
  }
}

constexpr std::int64_t kNov6 = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT

TEST(HttpDate, TakesAllThreeFormats) {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994", " Sun, 06 Nov 1994 08:49:37 GMT "}) {
    EXPECT_EQ(parse_http_date(text, kNov6), kNov6) << text;
  }
  EXPECT_EQ(parse_http_date("Thu, 29 Feb 2024 00:00:00 GMT", 0), 1'709'164'800);
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT", 0), 0);
}

TEST(HttpDate, TwoDigitsMeanTheNearCentury) {
  constexpr std::int64_t k2026 = 1'795'000'000;
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", k2026), kNov6);
  EXPECT_GT(parse_http_date("Sunday, 06-Nov-27 08:49:37 GMT", k2026).value_or(0), k2026);
}

TEST(HttpDate, RefusesWhatIsNoDate) {
  for (const char* text : {"", "soon", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37 GMT x", ", 06 Nov", ","}) {
    EXPECT_FALSE(parse_http_date(text, kNov6)) << text;
  }
}

TEST(RetryAfter, SecondsAreSeconds) {
  EXPECT_EQ(retry_after("7", "", 0), seconds(7));
  EXPECT_EQ(retry_after(" 0 ", "", 0), seconds(0));
  EXPECT_EQ(retry_after("99999999999999999999", "", 0), kRetryAfterMax);
  for (const char* wrong : {"", "-1", "1.5", "7s", "+7"}) {
    EXPECT_FALSE(retry_after(wrong, "", 1)) << wrong;
  }
}

TEST(RetryAfter, ADateCountsFromTheAnswersOwnDate) {
  const char* until = "Sun, 06 Nov 1994 08:50:37 GMT";
  EXPECT_EQ(retry_after(until, "Sun, 06 Nov 1994 08:49:37 GMT", kNov6 + 1'000'000), seconds(60));
  EXPECT_EQ(retry_after(until, "", kNov6 + 20), seconds(40));  // no Date: our own clock
  EXPECT_EQ(retry_after(until, "", kNov6 + 100), seconds(0));  // it has passed
  EXPECT_FALSE(retry_after(until, "", 0));                     // no clock at all
}

constexpr Instant at(std::int64_t s) { return Instant{} + seconds(s); }

TEST(Breaker, OpensAfterFiveInARowAndTriesOneAtATime) {
  Breaker breaker({});
  for (int i = 0; i < 4; ++i) breaker.not_connected(false, at(0));
  breaker.connected();
  for (int i = 0; i < 4; ++i) breaker.not_connected(false, at(0));
  EXPECT_EQ(breaker.state(at(0)), Breaker::State::kClosed);
  breaker.not_connected(false, at(0));
  EXPECT_EQ(breaker.state(at(9)), Breaker::State::kOpen);
  EXPECT_FALSE(breaker.may_try(at(9)));
  EXPECT_EQ(breaker.deadline(at(9)), at(10));
  EXPECT_EQ(breaker.state(at(10)), Breaker::State::kHalfOpen);
  EXPECT_TRUE(breaker.may_try(at(10)));
  EXPECT_TRUE(breaker.tried(at(10)));
  EXPECT_FALSE(breaker.may_try(at(10)));
  breaker.learnt_nothing(false);  // of an older attempt: the trial is still under way
  breaker.not_connected(false, at(10));
  EXPECT_FALSE(breaker.may_try(at(10)));
  breaker.learnt_nothing(true);
  EXPECT_TRUE(breaker.may_try(at(10)));
  EXPECT_TRUE(breaker.tried(at(10)));
  breaker.connected();
  EXPECT_EQ(breaker.state(at(10)), Breaker::State::kClosed);
}

TEST(Breaker, WaitsTwiceAsLongEachTimeUpToItsMost) {
  Breaker breaker({.failures = 1, .wait = seconds(10), .wait_max = seconds(35)});
  breaker.not_connected(false, at(0));
  std::int64_t now = 10;
  for (const std::int64_t wait : {20, 35, 35}) {
    EXPECT_TRUE(breaker.tried(at(now)));
    breaker.not_connected(true, at(now));
    EXPECT_EQ(breaker.deadline(at(now)), at(now + wait));
    breaker.not_connected(false, at(now));  // an older attempt: no longer, no doubling
    EXPECT_EQ(breaker.deadline(at(now)), at(now + wait));
    now += wait;
  }
}

TEST(Closures, PenaltiesAreNeverShortened) {
  Closures closures(10);
  closures.penalise("u", "k", at(10));
  closures.penalise("u", "k", at(5));
  EXPECT_TRUE(closures.closed("u", "k", at(9), {}));
  EXPECT_FALSE(closures.closed("u", "k", at(10), {}));
  EXPECT_FALSE(closures.closed("u", "other", at(9), {}));
  EXPECT_FALSE(closures.closed("v", "k", at(9), {}));
}

TEST(Closures, ARecallStandsUntilStoreTimeHasSurelyReachedIt) {
  Closures closures(10);
  closures.recall("u", "", {1000}, {0});
  EXPECT_TRUE(closures.closed("u", "k", at(0), {999}));
  EXPECT_FALSE(closures.closed("u", "k", at(0), {1000}));
  closures.recall("u", "", {0}, {10});  // for the moment only
  EXPECT_TRUE(closures.closed("u", "k", at(0), {999}));
  closures.recall("u", "", {9}, {10});
  closures.recall("u", "", {500}, {10});  // a pause in the middle of a penalty: the longer stands
  EXPECT_TRUE(closures.closed("u", "k", at(0), {999}));
}

TEST(Closures, AreBounded) {
  Closures closures(3);
  for (int i = 1; i <= 9; ++i) closures.penalise("u", std::to_string(i), at(i));
  closures.sweep(at(1), {});
  EXPECT_EQ(closures.size(), 3u);
  EXPECT_TRUE(closures.closed("u", "9", at(8), {}));
}

// Many more than fit must not take a turn's time: each leaves in the order of its end.
TEST(Closures, LettingGoOfManyIsQuick) {
  Closures closures(50'000);
  for (int i = 1; i <= 100'000; ++i) closures.penalise("u", std::to_string(i), at(i % 1000 + 1));
  const auto from = std::chrono::steady_clock::now();
  closures.sweep(at(0), {});
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds(1));
  EXPECT_EQ(closures.size(), 50'000u);
  EXPECT_TRUE(closures.closed("u", "999", at(0), {}));
  EXPECT_FALSE(closures.closed("u", "1000", at(0), {}));
}

// Two limiters ask two shards whose clocks are 60 ms apart: neither's word is thrown away, and what
// holds must hold by both.
TEST(Clocks, OfLimitersThatDifferSpanAll) {
  Clocks clocks;
  const wire::PeerId one{1};
  const wire::PeerId two{2};
  const auto trip = [](std::int64_t at_s, std::int64_t ahead_us) {
    const StoreTime low{1'790'000'000'000'000 + at_s * 1'000'000 + ahead_us};
    return RoundTrip{Instant{at_s * 1'000'000}, Instant{at_s * 1'000'000}, {low, low}};
  };
  EXPECT_FALSE(clocks.bounds(Instant{0}));
  for (std::int64_t s = 1; s < 100; ++s) {
    EXPECT_EQ(clocks.hear(one, trip(s, 0)), StoreClock::Heard::kLearnt);
    EXPECT_EQ(clocks.hear(two, trip(s, 60'000)), StoreClock::Heard::kLearnt);
    const auto bounds = clocks.bounds(Instant{s * 1'000'000});
    ASSERT_TRUE(bounds);
    EXPECT_GE((bounds->high - bounds->low).us, 60'000);
  }
  EXPECT_EQ(clocks.hear(one, trip(99, 10'000'000)), StoreClock::Heard::kContradicts);
  EXPECT_EQ(clocks.age(Instant{100'000'000}), seconds(1));
  clocks.forget(one);
  clocks.forget(two);
  EXPECT_TRUE(clocks.bounds(Instant{200'000'000}));  // it only widens
}

}  // namespace
}  // namespace sluice::dispatcher
