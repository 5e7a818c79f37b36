// The core in trouble: a slow store, unknown time, a penalty, an order to leave.
#include <gtest/gtest.h>

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

// P7: what was told while nobody knew store time closes the key too, for as long as was told; and
// what the store had granted before does not leave.
TEST(CoreTrouble, AWarningToldWhileTimeIsUnknownClosesTheKey) {
  Started s;
  s.bench.pass(milliseconds(1900));
  s.bench.keep_answers = true;
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  s.bench.pass(milliseconds(100));  // and what time it is was asked
  ASSERT_EQ(s.bench.kept.size(), 2U);
  s.bench.keep_answers = s.bench.store_answers = false;
  StoreReply stepped = s.bench.kept.back();
  stepped.now = stepped.now + hours(1);
  s.bench.reply(stepped);
  const StoreTime told = s.bench.store_now();
  s.bench.say(s.dispatcher, wire::Penalty{"api", "api:k", true, seconds(30), false});
  ASSERT_EQ(s.bench.said<wire::Recall>().size(), 1U);
  s.bench.reply(s.bench.kept.front());
  s.bench.pass(seconds(10));
  s.bench.store_answers = true;
  s.bench.pass(seconds(6));
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  ASSERT_EQ(s.bench.said<wire::Recall>().size(), 2U);
  const Duration closed = s.bench.said<wire::Recall>().back().until - told;
  EXPECT_GE(closed, seconds(30));
  EXPECT_LT(closed, milliseconds(30'100));
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

// Each upstream's shard goes on from where it was when the clock went back. One that is ahead of
// the first takes its word, and the other follows.
TEST(CoreTrouble, AShardThatIsAheadOfTheOthersIsFollowed) {
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
