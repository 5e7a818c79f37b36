// Who may start how much, and what closes a key: as tables of (now, input) -> effects.
#include <gtest/gtest.h>

#include <algorithm>

#include "lib/wire/identity.h"
#include "tests/dispatcher/core_world.h"

namespace sluice::dispatcher {
namespace {

TEST_F(CoreTest, APenaltyIsToldToEveryLimiterBeforeTheOutcome) {
  up(kB, 200);
  dispatch(1);
  dispatch(2);
  out();
  ended(1, HttpEnd::kAnswered, 429, "7");
  const auto sends = only<wire::Send>(out());
  ASSERT_EQ(sends.size(), 3u);
  for (std::size_t i : {0u, 1u}) {
    const auto& penalty = std::get<wire::Penalty>(sends[i].item);
    EXPECT_EQ(penalty.key, "u:k");
    EXPECT_EQ(penalty.retry_after, seconds(7));
  }
  EXPECT_EQ(std::get<wire::Outcome>(sends[2].item).ended, wire::Ended::kThrottled);
  EXPECT_FALSE(core_->may_start(attempt(2), now_));  // connecting: it does not leave
  ended(2, HttpEnd::kDenied);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kRecalled);
  take(wire::Completed{attempt(1)});
  take(wire::Completed{attempt(2)});
  to(6'999);
  dispatch(3);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kRecalled);
  dispatch(4, "u:other");
  EXPECT_EQ(starts().size(), 1u);
  to(7'000);
  out();
  dispatch(5);
  EXPECT_EQ(starts().size(), 1u);
}

TEST_F(CoreTest, APenaltyWithoutATimeClosesForAMinute) {
  dispatch(1);
  ended(1, HttpEnd::kAnswered, 429);
  EXPECT_FALSE(only<wire::Penalty>(out()).at(0).told_to_wait);
  to(59'900);
  out();
  dispatch(2);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kRecalled);
}

// Whoever says "Retry-After: 1.5" or a date that is none still says: slow down. To take that for a
// refusal would kill the message.
TEST_F(CoreTest, ARetryAfterThatCannotBeReadIsAWarningWithoutATime) {
  int n = 0;
  for (const char* value : {" 1.5", " -3", " soon", " 7s", " Sun, 06 Nov 1994", "0x10"}) {
    for (const std::uint32_t status : {403u, 429u, 503u}) {
      ++n;
      dispatch(n, "u:" + std::to_string(n));
      out();
      ended(n, HttpEnd::kAnswered, status, value);
      const auto effects = out();
      const auto sends = only<wire::Send>(effects);
      ASSERT_EQ(sends.size(), 2u) << status << value;
      EXPECT_FALSE(std::get<wire::Penalty>(sends[0].item).told_to_wait) << status << value;
      const auto& told = std::get<wire::Outcome>(sends[1].item);
      EXPECT_EQ(told.ended, wire::Ended::kThrottled) << status << value;
      EXPECT_EQ(told.retry_after, Duration{}) << status << value;
      take(wire::Completed{attempt(n)});
    }
  }
  dispatch(++n, "u:blank");
  ended(n, HttpEnd::kAnswered, 403, " ");
  EXPECT_EQ(one_outcome().ended, wire::Ended::kRefused);
}

TEST_F(CoreTest, ARecallBringsBackWhatHasNotStarted) {
  fresh(config_of(2));
  dispatch(1);
  dispatch(2);
  up(kB, 200);
  take(dispatch_of(3), kB);  // shares changed while it was under way: it waits
  EXPECT_EQ(starts().size(), 2u);
  take(wire::Recall{"u", "u:k", store_ms(60'000)});
  const wire::Outcome back = one_outcome();
  EXPECT_EQ(back.attempt, attempt(3));
  EXPECT_EQ(back.not_started, wire::NotStarted::kRecalled);
  EXPECT_FALSE(core_->may_start(attempt(1), now_));
  ended(1, HttpEnd::kDenied);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kRecalled);
}

TEST_F(CoreTest, ARecallForTheMomentBringsBackWhatHasNotLeftAndClosesNothing) {
  dispatch(1);
  dispatch(2, "u:other");
  EXPECT_EQ(starts().size(), 2u);
  take(wire::Recall{"u", "u:k", {}});
  EXPECT_FALSE(core_->may_start(attempt(1), now_));
  EXPECT_TRUE(core_->may_start(attempt(2), now_));
  dispatch(3);
  EXPECT_EQ(starts().size(), 1u);
  EXPECT_TRUE(core_->may_start(attempt(3), now_));
}

TEST_F(CoreTest, WhatWaitsForRoomStartsWhenThereIsSomeOrIsTooLate) {
  fresh(config_of(2));
  up(kB, 200);
  dispatch(1);
  dispatch(2);
  take(dispatch_of(3), kB);
  take(dispatch_of(4), kB);
  EXPECT_EQ(starts().size(), 2u);
  ended(1, HttpEnd::kAnswered, 200);
  auto effects = out();
  ASSERT_EQ(only<StartHttp>(effects).size(), 1u);
  EXPECT_EQ(only<StartHttp>(effects)[0].attempt, attempt(3));
  to(2'000);
  const auto late = outcomes();
  const auto found = std::find_if(late.begin(), late.end(),
                                  [](const auto& one) { return one.attempt == attempt(4); });
  ASSERT_NE(found, late.end());
  EXPECT_EQ(found->not_started, wire::NotStarted::kTooLate);
}

TEST_F(CoreTest, BeyondTheWindowIsFullAndRemembered) {
  for (int n = 1; n <= 4; ++n) dispatch(n);
  EXPECT_EQ(starts().size(), 4u);
  dispatch(5);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kFull);
  ended(1, HttpEnd::kAnswered, 200);
  out();
  dispatch(5);  // the same attempt never starts any more
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kFull);
  dispatch(6);  // 1 is not completed: it still counts
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kFull);
  take(wire::Completed{attempt(1)});
  take(wire::Completed{attempt(5)});
  take(wire::Completed{attempt(6)});
  dispatch(7);
  EXPECT_EQ(starts().size(), 1u);
}

TEST_F(CoreTest, AFullTableGivesNoCreditAndTakesOnlyQuestions) {
  Config config = config_of();
  config.table_max = 2;
  config.asked_reserve = 1;
  fresh(config);
  EXPECT_EQ(credit().window, 2u);
  EXPECT_EQ(credit().why, wire::Wait::kUpstreamFull);
  for (int n = 1; n <= 2; ++n) {
    dispatch(n);
    ended(n, HttpEnd::kAnswered, 200);
    take(wire::Completed{attempt(n)});
  }
  EXPECT_EQ(credit().window, 0u);
  out();
  dispatch(3);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kFull);
  take(wire::Asked{attempt(3), "u", "u:k", store_ms(60'000)});
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kNeverSeen);
  take(wire::Asked{attempt(4), "u", "u:k", store_ms(60'000)});
  EXPECT_TRUE(out().empty());
  EXPECT_EQ(core_->table_size(), 3u);
}

TEST_F(CoreTest, CreditIsSharedByTheLimiters) {
  EXPECT_EQ(credit().window, 4u);
  up(kB, 200);
  EXPECT_EQ(only<wire::Announce>(out()).size(), 2u);
  EXPECT_EQ(credit(kA).window, 2u);
  EXPECT_EQ(credit(kB).window, 2u);
}

TEST_F(CoreTest, HeldIsWhatThisLifeDispatchedAndNobodyCompleted) {
  dispatch(1);
  dispatch(2);
  auto facts = core_->heartbeat(kA, now_);
  EXPECT_EQ(facts.held_count, 2u);
  EXPECT_EQ(facts.held_hash,
            wire::short_hash(attempt(1).identity) ^ wire::short_hash(attempt(2).identity));
  ended(1, HttpEnd::kAnswered, 200);
  take(wire::Completed{attempt(1)});
  facts = core_->heartbeat(kA, now_);
  EXPECT_EQ(facts.held_count, 1u);
  EXPECT_EQ(facts.held_hash, wire::short_hash(attempt(2).identity));
  up(kB, 200);
  EXPECT_EQ(core_->heartbeat(kB, now_).held_count, 0u);
}

TEST_F(CoreTest, FiveConnectFailuresOpenTheBreakerAndOneAttemptTriesIt) {
  fresh(config_of(8));
  for (int n = 1; n <= 5; ++n) {
    dispatch(n);
    ended(n, HttpEnd::kNotConnected);
    take(wire::Completed{attempt(n)});
  }
  EXPECT_FALSE(only<wire::Announce>(out()).empty());
  EXPECT_EQ(credit().window, 0u);
  EXPECT_EQ(credit().why, wire::Wait::kBreaker);
  dispatch(6);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kFull);
  EXPECT_LE(core_->deadline(), at_ms(10'000));
  to(10'000);
  EXPECT_FALSE(only<wire::Announce>(out()).empty());
  EXPECT_EQ(credit().window, 1u);
  EXPECT_EQ(credit().why, wire::Wait::kBreaker);
  dispatch(7);
  dispatch(8);
  auto effects = out();
  EXPECT_EQ(only<StartHttp>(effects).size(), 1u);
  EXPECT_EQ(only<wire::Outcome>(effects).at(0).not_started, wire::NotStarted::kFull);
  EXPECT_EQ(credit().window, 0u);
  ended(7, HttpEnd::kAnswered, 500);  // it can be reached
  EXPECT_EQ(credit().why, wire::Wait::kNone);
  EXPECT_EQ(credit().window, 8u);
}

TEST_F(CoreTest, DrainingTakesNothingNewAndFinishes) {
  dispatch(1);
  out();
  core_->drain(now_, out_);
  EXPECT_EQ(credit().window, 0u);
  out();
  dispatch(2);
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kDraining);
  take(wire::Completed{attempt(2)});
  EXPECT_FALSE(core_->idle());
  ended(1, HttpEnd::kAnswered, 200);
  EXPECT_FALSE(core_->idle());
  take(wire::Completed{attempt(1)});
  EXPECT_TRUE(core_->idle());
}

TEST_F(CoreTest, OneTurnNeverAsksForMoreThanItSays) {
  fresh(config_of(64));
  for (int n = 1; n <= 64; ++n) dispatch(n);
  for (int n = 1; n <= 64; ++n) ended(n, HttpEnd::kAnswered, 200);
  for (std::uint64_t life = 2; life < 9; ++life) up({life}, life);
  out();
  to(2'000);
  EXPECT_LE(out_.size(), 2 * core_->effects_max());
}

// Bulkheads: what one upstream has in the table, completed or hanging, leaves the others theirs.
TEST_F(CoreTest, AnUpstreamThatFillsTheTableLeavesTheOthersTheirShare) {
  Config config = config_of(100);
  config.table_max = 40;
  config.upstreams.push_back(config.upstreams[0]);
  config.upstreams[1].name = "v";
  fresh(std::move(config));
  for (int n = 0; n < 60; ++n) dispatch(n);
  std::size_t taken = starts().size();
  EXPECT_EQ(taken, 30u) << "its own quarter, and the half that all share";
  const auto of = [this](const std::string& name) {
    for (const wire::Credit& one : core_->heartbeat(kA, now_).credits) {
      if (one.upstream == name) return one.window;
    }
    return 0U;
  };
  EXPECT_EQ(of("u"), 30u);
  EXPECT_EQ(of("v"), 10u);
  for (int n = 100; n < 120; ++n) {
    wire::Dispatch other = dispatch_of(n, "v:k");
    other.upstream = "v";
    take(other);
  }
  EXPECT_EQ(starts().size(), 10u);
  for (int n = 0; n < 30; ++n) {
    ended(n, HttpEnd::kAnswered, 200);
    take(wire::Completed{attempt(n)});
  }
  out();
  EXPECT_EQ(of("u"), 0u) << "completed ones stay until their lease ends";
  to(80'000);
  EXPECT_EQ(of("u"), 30u);
}

}  // namespace
}  // namespace sluice::dispatcher
