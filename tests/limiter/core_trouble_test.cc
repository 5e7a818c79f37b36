// The core in trouble: a slow store, unknown time, a penalty, an order to leave.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>

#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

// What the store is asked for comes back with lines for the trail: it counts before the answer.
TEST(CoreTrouble, UnansweredAsksCountTowardsUnrecordedLines) {
  Config config = Bench::config();
  config.unrecorded_max = 3;
  Started s(config);
  s.bench.store_answers = false;
  const std::size_t before = s.bench.asked;
  for (int i = 0; i < 10; ++i) {
    wire::Offer offer = s.bench.offer(std::to_string(i), i + 1);
    offer.key += offer.id;
    offer.identity = wire::identity_of(offer.source, offer.key, offer.id, 0);
    s.bench.say(s.ingest, offer);
  }
  EXPECT_EQ(s.bench.asked, before + 3);
  s.bench.store_answers = true;
  s.bench.pass(seconds(6));  // said again, and answered
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 3U);
  for (const auto& dispatch : s.bench.said<wire::Dispatch>()) {
    s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  }
  for (const auto& line : s.bench.said<wire::Record>()) {
    s.bench.say(s.auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
  }
  s.bench.pass(seconds(1));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 6U);
}

// All of its keys wait together, and one question a second finds out when it is put right.
TEST(CoreTrouble, AStoreThatIsNotFitIsAskedOnceASecond) {
  Started s;
  s.bench.unfit = "evicts";
  for (int i = 0; i < 10; ++i) {
    wire::Offer offer = s.bench.offer(std::to_string(i), i + 1);
    offer.key += offer.id;
    offer.identity = wire::identity_of(offer.source, offer.key, offer.id, 0);
    s.bench.say(s.ingest, offer);
    const auto why = s.bench.core->explain(offer.identity, s.bench.now);
    ASSERT_TRUE(why.has_value());
    EXPECT_EQ(why->why, wire::Wait::kStoreDown);
    EXPECT_EQ(why->limit, "evicts");
  }
  const std::size_t before = s.bench.asked;
  s.bench.pass(seconds(10));
  EXPECT_LE(s.bench.asked - before, 30U) << "with what time it is, each two seconds";
  EXPECT_GE(s.bench.asked - before, 10U);
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  s.bench.unfit.clear();
  s.bench.pass(seconds(2));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 10U);
}

// P7: what was told while nobody knew store time closes the key too, for as long as was told.
TEST(CoreTrouble, AWarningToldWhileTimeIsUnknownClosesTheKey) {
  Started s(Bench::config(), minutes(5));
  const StoreTime told = s.bench.store_now();
  s.bench.say(s.dispatcher, wire::Penalty{"api", "api:k", true, seconds(30), false});
  ASSERT_EQ(s.bench.said<wire::Recall>().size(), 1U);
  s.bench.pass(seconds(10));
  s.bench.wall_off = Duration{0};
  s.bench.pass(seconds(6));
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  ASSERT_EQ(s.bench.said<wire::Recall>().size(), 2U);
  const Duration closed = s.bench.said<wire::Recall>().back().until - told;
  EXPECT_GE(closed, seconds(30));
  EXPECT_LT(closed, milliseconds(30'600));
}

// Shards may differ: an answer to a call that was said again may be another shard's.
TEST(CoreTrouble, AnAnswerThatNobodyAwaitsTeachesNoTime) {
  Started s;
  StoreReply other{0, Acknowledged{}, s.bench.store_now() + hours(1), s.bench.now, s.bench.now};
  s.bench.reply(other);
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
}

// A penalty that lasts is said to ingests, also to one that comes later; one that is over soon is
// not.
TEST(CoreTrouble, APenaltyThatLastsIsParked) {
  Started s;
  s.bench.say(s.dispatcher, wire::Penalty{"api", "api:short", true, seconds(20), false});
  EXPECT_EQ(s.bench.said<wire::Recall>().size(), 1U);
  s.bench.clear();
  s.bench.say(s.dispatcher, wire::Penalty{"api", "api:k", true, minutes(2), false});
  EXPECT_EQ(s.bench.said<wire::Recall>().size(), 2U);  // dispatcher, ingest
}

// Whoever hears of it from parking first recalls what it has dispatched.
TEST(CoreTrouble, APenaltyOutOfParkingIsRecalledOnce) {
  Started s;
  const wire::Hold hold{wire::HoldKind::kPenalty, s.bench.store_now() + minutes(2), "upstream"};
  const wire::Parked parked{"embedded", "api:k", "api", 0, 0, {hold}};
  s.bench.say(s.ingest, parked);
  EXPECT_EQ(s.bench.said<wire::Recall>().size(), 1U);
  s.bench.say(s.ingest, parked);
  EXPECT_EQ(s.bench.said<wire::Recall>().size(), 1U);
}

// A store that is closed settles nothing: what has expired or was cancelled meanwhile is asked for
// now and then, not as fast as answers come.
TEST(CoreTrouble, WhatEndsWhileTheStoreIsClosedIsAskedForNowAndThen) {
  Started s;
  s.bench.store().become("another");
  wire::Offer expires = s.bench.offer("1", 1);
  expires.expires_at = s.bench.store_now() + seconds(1);
  wire::Offer cancelled = s.bench.offer("2", 2);
  cancelled.cancelled = true;
  s.bench.say(s.ingest, expires);
  s.bench.say(s.ingest, cancelled);
  const std::size_t before = s.bench.asked;
  s.bench.pass(seconds(30));
  EXPECT_LT(s.bench.asked, before + 200);
  s.bench.pass(minutes(20));
  EXPECT_EQ(s.bench.core->unrecorded(), 3U);  // both have ended; and the closure
}

// One shard's clock is the time: another that is ahead closes, and goes on by that.
TEST(CoreTrouble, AShardThatIsAheadOfTheOthersIsPutRight) {
  Config config = Bench::config();
  config.upstreams.push_back(config.upstreams.front());
  config.upstreams.back().name = "zed";
  Started s(config);
  s.bench.reply(wire::PeerFacts{
      s.dispatcher, {{"api", 16, wire::Wait::kNone}, {"zed", 16, wire::Wait::kNone}}, 0, 0, {}});
  const auto send_both = [&](const std::string& id) {
    wire::Offer other = s.bench.offer(id, 1);
    other.upstream = "zed";
    other.key = "zed:k";
    other.identity = wire::identity_of(other.source, other.key, id, 0);
    s.bench.say(s.ingest, s.bench.offer(id, 1));
    s.bench.say(s.ingest, other);
  };
  send_both("1");
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 2U);
  for (const auto& dispatch : s.bench.said<wire::Dispatch>()) {
    wire::Outcome outcome = s.bench.outcome(dispatch, wire::Ended::kDelivered);
    s.bench.say(s.dispatcher, outcome);
  }
  s.bench.store().shard("zed")->edit_state().offset = seconds(5);
  s.bench.clear();
  send_both("2");
  s.bench.pass(minutes(20));
  std::set<std::string> went;
  for (const auto& dispatch : s.bench.said<wire::Dispatch>()) went.insert(dispatch.upstream);
  EXPECT_EQ(went, (std::set<std::string>{"api", "zed"}));
}

StoreTime closed_until(Bench& bench) { return bench.store().shard("api")->state().closed_until; }

TEST(CoreTrouble, AClockThatLeapsForAMomentIsWaitedOut) {
  for (const Duration leap : {minutes(5), minutes(-5)}) {
    Started s;
    s.bench.say(s.dispatcher, s.bench.outcome(s.dispatch_one("1"), wire::Ended::kDelivered));
    s.bench.pass(seconds(10));
    s.bench.skew = leap;
    s.bench.pass(milliseconds(1'900));
    s.bench.clear();
    s.bench.say(s.ingest, s.bench.offer("2", 2));
    s.bench.pass(milliseconds(1'500));
    EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
    s.bench.skew = {};
    s.bench.pass(milliseconds(1'200));
    EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
    EXPECT_EQ(closed_until(s.bench), StoreTime{});
    EXPECT_EQ(s.bench.core->clock_offsets().at("api"), Duration{0});
  }
}

TEST(CoreTrouble, AClockThatStepsClosesAndIsSaid) {
  for (const Duration step : {minutes(5), minutes(-5)}) {
    Started s;
    s.bench.say(s.dispatcher, s.bench.outcome(s.dispatch_one("1"), wire::Ended::kDelivered));
    s.bench.pass(seconds(10));
    s.bench.clear();
    s.bench.skew = step;
    s.bench.pass(seconds(6));
    const StoreTime closed = closed_until(s.bench);
    EXPECT_GT(closed, s.bench.store_now() + minutes(3));
    EXPECT_LT(closed, s.bench.store_now() + minutes(4));
    EXPECT_NEAR(static_cast<double>(s.bench.core->clock_offsets().at("api").us),
                static_cast<double>(-step.us), 1e5);
    const auto lines = s.bench.said<wire::Record>();
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [&](const wire::Record& line) {
      return line.reason.starts_with("closure: clock_") && line.until == closed;
    }));
    s.bench.say(s.ingest, s.bench.offer("2", 2));
    s.bench.pass(minutes(5));
    EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
    s.bench.skew = {};  // it is right again
    s.bench.pass(seconds(3));
    EXPECT_LT(std::abs(s.bench.core->clock_offsets().at("api").us), 10'000);
    EXPECT_EQ(closed_until(s.bench), closed);
    wire::Offer third = s.bench.offer("3", 3);
    third.key = "api:other";
    third.identity = wire::identity_of(third.source, third.key, third.id, 0);
    s.bench.say(s.ingest, third);
    s.bench.pass(seconds(2));
    EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 2U);
  }
}

TEST(CoreTrouble, WhoStartsGoesByTheWallClockFirst) {
  Started s(Bench::config(), milliseconds(-200));
  s.bench.say(s.dispatcher, s.bench.outcome(s.dispatch_one("1"), wire::Ended::kDelivered));
  Started apart(Bench::config(), milliseconds(-300));
  apart.bench.say(apart.ingest, apart.bench.offer("1", 1));
  apart.bench.pass(minutes(1));
  EXPECT_TRUE(apart.bench.said<wire::Dispatch>().empty());
  ASSERT_TRUE(apart.bench.core->wall_apart());
  EXPECT_EQ(*apart.bench.core->wall_apart(), milliseconds(300));
  const auto why = apart.bench.core->explain(apart.bench.offer("1", 1).identity, apart.bench.now);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->why, wire::Wait::kClockUnsure);
  EXPECT_EQ(closed_until(apart.bench), StoreTime{});
  apart.bench.wall_off = milliseconds(-100);
  apart.bench.pass(seconds(2));
  EXPECT_FALSE(apart.bench.core->wall_apart());
  EXPECT_EQ(apart.bench.said<wire::Dispatch>().size(), 1U);
}

// Its clock stepped, the shard went on beside it, every limiter died, and the clock was put right:
// who starts then has only its wall clock to say so.
TEST(CoreTrouble, WhoStartsHealsAShardWhoseClockWasPutRight) {
  Started s(Bench::config(), Duration{0});
  s.bench.store().shard("api")->edit_state().offset = minutes(-5);
  s.bench.core = std::make_unique<LimiterCore>(Bench::config(), 8);
  s.bench.pass(seconds(2));
  EXPECT_FALSE(s.bench.core->wall_apart());
  EXPECT_EQ(s.bench.core->clock_offsets().at("api"), Duration{0});
  EXPECT_EQ(closed_until(s.bench), StoreTime{});
}

// Somebody knew store time by a clock that was off by less than is tolerated, and keeps it since
// the clock is right: who starts finds store time off by more than its own clock may be, and cannot
// tell that from a step that nobody saw.
TEST(CoreTrouble, WhoStartsClosesAShardBesideTwoClocksThatAgree) {
  for (const Duration off : {milliseconds(300), milliseconds(-300)}) {
    Started s(Bench::config(), Duration{0});
    s.bench.store().shard("api")->edit_state().offset = off;
    s.bench.core = std::make_unique<LimiterCore>(Bench::config(), 8);
    s.bench.pass(seconds(1));
    EXPECT_TRUE(s.bench.core->wall_apart());
    EXPECT_EQ(closed_until(s.bench), StoreTime{});
    s.bench.pass(seconds(3));
    EXPECT_FALSE(s.bench.core->wall_apart());
    EXPECT_EQ(s.bench.core->clock_offsets().at("api"), off);
    EXPECT_GT(closed_until(s.bench), s.bench.store_now());
  }
}

// Store time never goes back: where it is far ahead for good, who starts would wait for as long.
TEST(CoreTrouble, WhoStartsGivesInToAShardThatIsAheadForGood) {
  Started s(Bench::config(), Duration{0});
  ShardRecord& state = s.bench.store().shard("api")->edit_state();
  state.last = s.bench.store_now() + hours(24);
  for (const Duration offset : {hours(24), Duration{0}}) {
    state.offset = offset;
    s.bench.core = std::make_unique<LimiterCore>(Bench::config(), 8);
    s.bench.pass(seconds(1));
    EXPECT_TRUE(s.bench.core->wall_apart());
    EXPECT_EQ(closed_until(s.bench) > state.last, offset == Duration{0});
    s.bench.pass(seconds(10));
    EXPECT_FALSE(s.bench.core->wall_apart());
    EXPECT_GT(closed_until(s.bench), state.last);
    EXPECT_GT(s.bench.core->clock_offsets().at("api"), hours(23));
  }
}

// A wall clock that is off alone closes nothing, however long.
TEST(CoreTrouble, WhoseOwnClockIsOffGivesInToNobody) {
  Started s(Bench::config(), minutes(10));
  s.bench.pass(minutes(5));
  EXPECT_TRUE(s.bench.core->wall_apart());
  EXPECT_EQ(closed_until(s.bench), StoreTime{});
}

// Of two edits the later one holds, though the earlier one was made while the clock was ahead.
TEST(CoreTrouble, AnEditInALeapIsNoLaterThanTheNext) {
  Started s;
  s.bench.pass(seconds(5));
  s.bench.skew = minutes(2);
  const auto edit = [&](std::uint32_t n) {
    Limit limit = Bench::config().upstreams.front().limits.front();
    limit.n = n;
    SetLimits call{"api", "somebody", {limit}};
    (void)s.bench.store().perform({0, call}, s.bench.store_now() + s.bench.skew);
    return s.bench.store().shard("api")->state().edited_at;
  };
  const StoreTime first = edit(5);
  EXPECT_LE(first, s.bench.store_now() + seconds(1));
  EXPECT_GT(edit(6), first);
  s.bench.skew = {};
  EXPECT_GT(edit(7), first);
}

TEST(CoreTrouble, DrainAsksForNoRowsAndSleeps) {
  Started s;
  s.bench.say(s.ingest, s.bench.parked(3, 1));
  EXPECT_EQ(s.bench.said<wire::Want>().size(), 1U);
  s.bench.core->drain();
  s.bench.pass(seconds(3));  // the Want is due again
  EXPECT_EQ(s.bench.said<wire::Want>().size(), 1U);
  EXPECT_GT(s.bench.core->deadline(), s.bench.now);
}

}  // namespace
}  // namespace sluice::limiter
