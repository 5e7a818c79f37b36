// The life of an attempt, as tables of (now, input) -> effects.
#include <gtest/gtest.h>

#include "tests/dispatcher/core_world.h"

namespace sluice::dispatcher {
namespace {

TEST_F(CoreTest, ADispatchStartsOnceHoweverOftenItIsSaid) {
  dispatch(1);
  const auto started = starts();
  ASSERT_EQ(started.size(), 1u);
  EXPECT_EQ(started[0].attempt, attempt(1));
  EXPECT_EQ(started[0].idempotency_key, "idem-1");
  dispatch(1);
  EXPECT_TRUE(out().empty());
  ended(1, HttpEnd::kAnswered, 200);
  EXPECT_EQ(one_outcome().ended, wire::Ended::kDelivered);
  dispatch(1);  // answered from the table
  EXPECT_EQ(one_outcome().ended, wire::Ended::kDelivered);
  take(wire::Completed{attempt(1)});
  dispatch(1);  // still remembered
  EXPECT_EQ(one_outcome().status, 200u);
}

TEST_F(CoreTest, AnEntryLeavesAtItsLeaseEndAndOnlyWhenCompleted) {
  dispatch(1);
  ended(1, HttpEnd::kAnswered, 200);
  to(200'000);
  EXPECT_EQ(core_->table_size(), 1u);
  take(wire::Completed{attempt(1)});
  to(202'000);
  EXPECT_EQ(core_->table_size(), 0u);

  dispatch(2);
  ended(2, HttpEnd::kAnswered, 200);
  take(wire::Completed{attempt(2)});
  to(270'000);
  EXPECT_EQ(core_->table_size(), 1u);
  to(276'000);
  EXPECT_EQ(core_->table_size(), 0u);
  EXPECT_EQ(core_->deadline(), Instant::never());
}

TEST_F(CoreTest, OutcomesAreSaidAgainUntilCompleted) {
  dispatch(1);
  ended(1, HttpEnd::kAnswered, 500);
  EXPECT_EQ(one_outcome().ended, wire::Ended::kFailed);
  EXPECT_LE(core_->deadline(), at_ms(2000));
  to(1'900);
  EXPECT_TRUE(outcomes().empty());
  to(2'000);
  EXPECT_EQ(outcomes().size(), 1u);
  to(4'000);
  EXPECT_EQ(outcomes().size(), 1u);
  EXPECT_FALSE(core_->idle());
  take(wire::Completed{attempt(1)});
  to(10'000);
  EXPECT_TRUE(outcomes().empty());
  EXPECT_TRUE(core_->idle());
}

TEST_F(CoreTest, OrphansGoToWhoeverComesUp) {
  dispatch(1);
  out();
  down(kA);
  ended(1, HttpEnd::kAnswered, 200);
  EXPECT_TRUE(outcomes().empty());
  heartbeats_from_ = kB;
  up(kB, 200);
  core_->tick(now_, out_);
  const auto sends = only<wire::Send>(out());
  ASSERT_EQ(sends.size(), 1u);
  EXPECT_EQ(sends[0].peer, kB);
  take(wire::Completed{attempt(1)}, kB);
  to(5'000);
  EXPECT_TRUE(outcomes().empty());
}

TEST_F(CoreTest, TheSameLifeOnANewConnectionHearsItsOutcomesAgain) {
  up(kB, 200);
  dispatch(1);
  down(kA);
  ended(1, HttpEnd::kAnswered, 200);
  out();
  up({7}, 100);
  core_->tick(now_, out_);
  const auto sends = only<wire::Send>(out());
  ASSERT_EQ(sends.size(), 1u);
  EXPECT_EQ(sends[0].peer, wire::PeerId{7});
}

TEST_F(CoreTest, AskedAboutWhatWasNeverSeenIsRefusedForGood) {
  take(wire::Asked{attempt(1), "u", "u:k", store_ms(60'000)});
  const wire::Outcome told = one_outcome();
  EXPECT_EQ(told.ended, wire::Ended::kNotStarted);
  EXPECT_EQ(told.not_started, wire::NotStarted::kNeverSeen);
  dispatch(1);  // the dispatch comes after all
  const auto effects = out();
  EXPECT_TRUE(only<StartHttp>(effects).empty());
  ASSERT_EQ(only<wire::Outcome>(effects).size(), 1u);
  EXPECT_EQ(only<wire::Outcome>(effects)[0].not_started, wire::NotStarted::kNeverSeen);
}

TEST_F(CoreTest, WhoAskedHearsTheOutcomeToo) {
  up(kB, 200);
  dispatch(1);
  out();
  take(wire::Asked{attempt(1), "u", "u:k", store_ms(72'000)}, kB);
  EXPECT_TRUE(out().empty());  // it runs
  ended(1, HttpEnd::kAnswered, 200);
  const auto sends = only<wire::Send>(out());
  ASSERT_EQ(sends.size(), 2u);
  EXPECT_EQ(sends[0].peer, kA);
  EXPECT_EQ(sends[1].peer, kB);
}

TEST_F(CoreTest, StartsOnlySurelyBeforeStartBy) {
  wire::Dispatch late = dispatch_of(1);
  to(1'999);
  take(late);
  EXPECT_EQ(starts().size(), 1u);
  EXPECT_TRUE(core_->may_start(attempt(1), now_));
  EXPECT_FALSE(core_->may_start(attempt(1), at_ms(2'001)));  // just before the first byte
  late.attempt = attempt(2);
  to(2'000);
  take(late);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kTooLate);
}

// Default timeout: 10 s. The limiter's may be another.
TEST_F(CoreTest, AnAttemptTakesNoLongerThanItsTimeoutAndItsDeadlineAllow) {
  wire::Dispatch dispatch = dispatch_of(1);
  take(dispatch);  // an older limiter says none
  EXPECT_EQ(core_->may_start(attempt(1), now_), seconds(10));
  dispatch.attempt = attempt(2);
  dispatch.deadline = store_ms(11'000);
  take(dispatch);
  EXPECT_EQ(core_->may_start(attempt(2), now_), seconds(10));
  EXPECT_EQ(core_->may_start(attempt(2), at_ms(900)), seconds(10));
  dispatch.attempt = attempt(3);
  dispatch.deadline = store_ms(4'000);
  take(dispatch);
  for (const std::int64_t ms : {0, 1'900}) {  // our clock may be slow, by 200 ppm
    const auto left = core_->may_start(attempt(3), at_ms(ms));
    ASSERT_TRUE(left);
    EXPECT_LT(*left, milliseconds(4'000 - ms));
    EXPECT_GT(*left, milliseconds(3'998 - ms));
  }
  dispatch.attempt = attempt(4);
  dispatch.deadline = store_ms(1'000);
  take(dispatch);
  EXPECT_TRUE(core_->may_start(attempt(4), at_ms(990)));
  EXPECT_FALSE(core_->may_start(attempt(4), at_ms(1'000)));  // although start_by is later
}

// Of a store time that is known to half a second only, the later end counts.
TEST_F(CoreTest, ADeadlineIsByTheUpperBoundOfStoreTime) {
  up(kB, 200);
  wire::PeerFacts facts;
  facts.peer = kB;
  facts.round_trip = RoundTrip{now_, now_, {store_ms(0), store_ms(500)}};
  core_->complete(wire::PeerDown{kB}, now_, out_);
  core_->complete(wire::PeerUp{kB, wire::Role::kLimiter, "l", 200}, now_, out_);
  core_->complete(facts, now_, out_);
  wire::Dispatch dispatch = dispatch_of(1);
  dispatch.deadline = store_ms(4'000);
  take(dispatch);
  const auto left = core_->may_start(attempt(1), now_);
  ASSERT_TRUE(left);
  EXPECT_LE(*left, milliseconds(3'500));
  EXPECT_GE(*left, milliseconds(3'498));
}

TEST_F(CoreTest, AnEndThatIsLostIsGivenUpSoonAfterItsDeadline) {
  wire::Dispatch dispatch = dispatch_of(1);
  dispatch.deadline = store_ms(4'000);
  take(dispatch);
  out();
  to(8'500);  // 5 s of grace
  EXPECT_TRUE(only<StopHttp>(out()).empty());
  to(9'500);
  EXPECT_EQ(only<StopHttp>(out()).size(), 1U);
}

TEST_F(CoreTest, StartsNothingWithoutAYoungRoundTrip) {
  wire::Dispatch dispatch = dispatch_of(1);
  dispatch.start_by = store_ms(100'000);
  now_ = at_ms(4'999);
  take(dispatch);
  EXPECT_EQ(starts().size(), 1u);
  now_ = at_ms(5'000);
  EXPECT_FALSE(core_->may_start(attempt(1), now_));
  dispatch.attempt = attempt(2);
  take(dispatch);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kTooLate);
  EXPECT_FALSE(core_->knows_time(now_));
}

TEST_F(CoreTest, OutcomesCarryBoundsOfStoreTime) {
  dispatch(1);
  HttpEnded reply;
  reply.attempt = attempt(1);
  reply.end = HttpEnd::kAnswered;
  reply.status = 200;
  reply.sent = at_ms(100);
  reply.ended = at_ms(400);
  now_ = at_ms(410);
  core_->complete(reply, now_, out_);
  const auto told = only<wire::Outcome>(out()).at(0);
  EXPECT_LE(told.started_at, store_ms(100));
  EXPECT_GE(told.started_at, store_ms(99));
  EXPECT_GE(told.answered_at, store_ms(400));
  EXPECT_LE(told.answered_at, store_ms(411));
  EXPECT_EQ(told.latency, milliseconds(300));
}

TEST_F(CoreTest, TheBoundsHoldWhenTheLoopsNowIsOlderThanTheAnswer) {
  dispatch(1);
  HttpEnded reply;
  reply.attempt = attempt(1);
  reply.end = HttpEnd::kAnswered;
  reply.status = 200;
  reply.sent = at_ms(100);
  reply.ended = at_ms(900);
  core_->complete(reply, at_ms(50), out_);
  const auto told = only<wire::Outcome>(out()).at(0);
  EXPECT_LE(told.started_at, store_ms(100));
  EXPECT_GE(told.started_at, store_ms(99));
  EXPECT_GE(told.answered_at, store_ms(900));
}

TEST_F(CoreTest, EachWayAnAttemptEndsHasItsOutcome) {
  struct Row {
    HttpEnd end;
    std::uint32_t status;
    wire::Ended ended;
    wire::NotStarted not_started;
  };
  using enum wire::Ended;
  fresh(config_of(20));
  int n = 0;
  for (const Row& row : {Row{HttpEnd::kAnswered, 204, kDelivered, wire::NotStarted::kNone},
                         Row{HttpEnd::kAnswered, 404, kRefused, wire::NotStarted::kNone},
                         Row{HttpEnd::kAnswered, 302, kRefused, wire::NotStarted::kNone},
                         Row{HttpEnd::kUnknown, 0, kUnknown, wire::NotStarted::kNone},
                         Row{HttpEnd::kNotConnected, 0, kNotStarted, wire::NotStarted::kConnect},
                         Row{HttpEnd::kLane, 0, kNotStarted, wire::NotStarted::kLane},
                         Row{HttpEnd::kDenied, 0, kNotStarted, wire::NotStarted::kTooLate}}) {
    ++n;
    dispatch(n, "u:" + std::to_string(n));
    out();
    ended(n, row.end, row.status);
    const auto told = one_outcome();
    EXPECT_EQ(told.ended, row.ended) << n;
    EXPECT_EQ(told.not_started, row.not_started) << n;
    EXPECT_EQ(told.status, row.status) << n;
  }
}

TEST_F(CoreTest, AnEndThatIsLostIsGivenUpAsUnknown) {
  dispatch(1);
  out();
  to(19'000);
  const auto effects = out();
  EXPECT_EQ(only<StopHttp>(effects).size(), 1u);
  EXPECT_EQ(only<wire::Outcome>(effects).at(0).ended, wire::Ended::kUnknown);
  ended(1, HttpEnd::kAnswered, 200);  // too late to be believed
  EXPECT_TRUE(out().empty());
}

TEST_F(CoreTest, AnUnknownUpstreamIsAnswered) {
  wire::Dispatch dispatch = dispatch_of(1);
  dispatch.upstream = "elsewhere";
  take(dispatch);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kFull);
}

TEST_F(CoreTest, AStrangerIsNotHeard) {
  take(dispatch_of(1), {99});
  EXPECT_TRUE(out().empty());
}

}  // namespace
}  // namespace sluice::dispatcher
