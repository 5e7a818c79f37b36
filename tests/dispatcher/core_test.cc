// The dispatcher's core as tables of (now, input) -> effects.
#include "dispatcher/core.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/wire/identity.h"

namespace sluice::dispatcher {
namespace {

constexpr std::int64_t kEpoch = 1'800'000'000'000'000;  // store time at Instant 0, exactly known
constexpr Instant at_ms(std::int64_t ms) { return Instant{} + milliseconds(ms); }
constexpr StoreTime store_ms(std::int64_t ms) { return StoreTime{kEpoch} + milliseconds(ms); }

Config config_of(std::uint32_t in_flight = 4) {
  Config config;
  Upstream upstream;
  upstream.name = "u";
  upstream.in_flight = in_flight;
  config.upstreams = {upstream};
  return config;
}

wire::Attempt attempt(int n, std::uint32_t serial = 1) {
  std::string identity(16, 'i');
  identity[0] = static_cast<char>(n);
  identity[1] = static_cast<char>(n >> 8);
  return {identity, serial};
}

class CoreTest : public ::testing::Test {
 protected:
  static constexpr wire::PeerId kA{1};
  static constexpr wire::PeerId kB{2};

  void SetUp() override { fresh(config_of()); }
  void fresh(Config config) {
    core_ = std::make_unique<DispatcherCore>(std::move(config));
    now_ = at_ms(0);
    up(kA, 100);
    out();
  }
  void up(wire::PeerId peer, std::uint64_t life) {
    core_->complete(wire::PeerUp{peer, wire::Role::kLimiter, "l", life}, now_, out_);
    clock(peer);
  }
  void down(wire::PeerId peer) { core_->complete(wire::PeerDown{peer}, now_, out_); }
  void clock(wire::PeerId peer) {
    const StoreTime store = StoreTime{kEpoch + now_.us};
    wire::PeerFacts facts;
    facts.peer = peer;
    facts.round_trip = RoundTrip{now_, now_, {store, store}};
    core_->complete(facts, now_, out_);
  }
  // Time goes on with a heartbeat each second.
  void to(std::int64_t ms) {
    while (now_ < at_ms(ms)) {
      now_ = std::min(at_ms(ms), now_ + seconds(1));
      if (core_->limiters() > 0) clock(heartbeats_from_);
      core_->tick(now_, out_);
    }
  }
  wire::Dispatch dispatch_of(int n, const std::string& key = "u:k") {
    wire::Dispatch dispatch;
    dispatch.attempt = attempt(n);
    dispatch.upstream = "u";
    dispatch.key = key;
    dispatch.attempt_number = 1;
    dispatch.idempotency_key = "idem-" + std::to_string(n);
    dispatch.granted_at = StoreTime{kEpoch + now_.us};
    dispatch.start_by = dispatch.granted_at + seconds(2);
    dispatch.lease_end = dispatch.granted_at + seconds(72);
    return dispatch;
  }
  void take(const wire::Item& item, wire::PeerId from = kA) {
    core_->accept(wire::FromPeer{from, item}, now_, out_);
  }
  void dispatch(int n, const std::string& key = "u:k") { take(dispatch_of(n, key)); }
  void ended(int n, HttpEnd end, std::uint32_t status = 0, std::string retry_after = {}) {
    HttpEnded reply;
    reply.attempt = attempt(n);
    reply.end = end;
    reply.status = status;
    reply.retry_after = std::move(retry_after);
    if (end == HttpEnd::kAnswered || end == HttpEnd::kUnknown) reply.sent = now_;
    reply.ended = now_;
    core_->complete(reply, now_, out_);
  }
  std::vector<DispatcherCore::Effect> out() {
    std::vector<DispatcherCore::Effect> effects;
    out_.take(effects);
    return effects;
  }
  template <class T>
  static std::vector<T> only(const std::vector<DispatcherCore::Effect>& effects) {
    std::vector<T> found;
    for (const auto& effect : effects) {
      if constexpr (std::is_same_v<T, wire::Send> || std::is_same_v<T, StartHttp> ||
                    std::is_same_v<T, StopHttp> || std::is_same_v<T, wire::Announce>) {
        if (const T* one = std::get_if<T>(&effect)) found.push_back(*one);
      } else if (const auto* send = std::get_if<wire::Send>(&effect)) {
        if (const T* one = std::get_if<T>(&send->item)) found.push_back(*one);
      }
    }
    return found;
  }
  std::vector<StartHttp> starts() { return only<StartHttp>(out()); }
  std::vector<wire::Outcome> outcomes() { return only<wire::Outcome>(out()); }
  wire::Outcome one_outcome() {
    const auto all = outcomes();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? wire::Outcome{} : all[0];
  }
  wire::Credit credit(wire::PeerId peer = kA) { return core_->heartbeat(peer, now_).credits.at(0); }

  std::unique_ptr<DispatcherCore> core_;
  Instant now_;
  wire::PeerId heartbeats_from_ = kA;
  Outbox<DispatcherCore::Effect> out_;
};

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
  take(wire::Recall{"u", "u:k", {}});  // opened again
  EXPECT_TRUE(core_->may_start(attempt(1), now_));
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
  EXPECT_EQ(one_outcome().not_started, wire::NotStarted::kLane);
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

TEST_F(CoreTest, AStrangerIsNotHeard) {
  take(dispatch_of(1), {99});
  EXPECT_TRUE(out().empty());
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

}  // namespace
}  // namespace sluice::dispatcher
