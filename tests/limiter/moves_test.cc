// Keys of other limiters: they come, they go, and a store that forgot is opened when everything is
// known again. Tables of (now, input) -> effects.
#include <gtest/gtest.h>

#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

const wire::Moved kOfStoreP{"p", "api", "api:k"};

TEST(Moves, WhatWaitsOfAKeyThatMovedIsLetGoWithoutAWord) {
  Started s(Bench::config(1));
  const auto dispatch = s.dispatch_one();
  s.bench.say(s.ingest, s.bench.parked(3, 2));
  s.bench.say(s.ingest, s.bench.offer("2", 2));
  s.bench.say(s.ingest, s.bench.offer("3", 3));
  s.bench.clear();
  s.bench.say(s.ingest, kOfStoreP);
  EXPECT_EQ(s.bench.core->messages(), 1U);  // what is under way is completed here
  EXPECT_EQ(s.bench.core->heartbeat(s.ingest, s.bench.now).held_count, 0U);
  s.bench.pass(seconds(3));
  EXPECT_TRUE(s.bench.said<wire::Park>().empty());
  EXPECT_TRUE(s.bench.said<wire::Want>().empty());
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  for (const auto& line : s.bench.said<wire::Record>())
    s.bench.say(s.auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
  EXPECT_EQ(s.bench.said<wire::Settled>().size(), 1U);  // any ingest of that store deletes the row
  EXPECT_EQ(s.bench.core->messages(), 0U);
}

TEST(Moves, WhatDidNotStartComesBackIntoTheLineOnlyWhereItsKeyIs) {
  for (const bool back : {false, true}) {
    Started s;
    const auto dispatch = s.dispatch_one();
    s.bench.say(s.ingest, kOfStoreP);
    if (back) s.bench.say(s.ingest, s.bench.offer("1", 1));
    wire::Outcome outcome = s.bench.outcome(dispatch, wire::Ended::kNotStarted);
    outcome.not_started = wire::NotStarted::kFull;
    s.bench.say(s.dispatcher, outcome);
    s.bench.pass(seconds(1));
    EXPECT_EQ(s.bench.core->messages(), back ? 1U : 0U);
    EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), back ? 2U : 1U);
  }
}

TEST(Moves, AnotherIngestsOffersStay) {
  Started s(Bench::config(1));
  static_cast<void>(s.dispatch_one());
  const auto second = s.bench.up(wire::Role::kIngest);
  wire::Offer theirs = s.bench.offer("2", 2);
  theirs.store = "q";
  s.bench.say(second, theirs);
  s.bench.say(s.ingest, kOfStoreP);
  EXPECT_EQ(s.bench.core->messages(), 2U);
  s.bench.say(second, wire::Moved{"q", "api", "api:k"});
  EXPECT_EQ(s.bench.core->messages(), 1U);
}

TEST(Moves, WhoDrainsSaysSoAndLetsGo) {
  Started s(Bench::config(1));
  static_cast<void>(s.dispatch_one());
  s.bench.say(s.ingest, s.bench.offer("2", 2));
  s.bench.clear();
  s.bench.core->drain();
  s.bench.pass(milliseconds(1));
  ASSERT_EQ(s.bench.said<wire::Moved>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Moved>()[0].key, "");
  EXPECT_EQ(s.bench.core->messages(), 1U);
  s.bench.up(wire::Role::kIngest);  // who comes now is told as well
  EXPECT_EQ(s.bench.said<wire::Moved>().size(), 2U);
  s.bench.say(s.ingest, s.bench.offer("3", 3));  // said before it was heard
  EXPECT_EQ(s.bench.core->messages(), 1U);
  EXPECT_TRUE(s.bench.said<wire::Park>().empty());
}

// Two limiters, one store: the heir asks the dispatcher that the grant of the first one names.
TEST(Moves, AnHeirAsksAboutTheFormerOwnersAttempt) {
  Started s;
  const auto dispatch = s.dispatch_one();
  Config heir = Bench::config();
  heir.life = 2;
  s.bench.core = std::make_unique<LimiterCore>(heir, 9);
  s.bench.clear();
  const auto ingest = s.bench.up(wire::Role::kIngest);
  s.bench.dispatcher(16, 55);
  s.bench.say(ingest, s.bench.offer("1", 1));
  ASSERT_EQ(s.bench.said<wire::Asked>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Asked>()[0].attempt, dispatch.attempt);
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
}

// ---- after a closure

Config of_two_stores() {
  Config config = Bench::config();
  config.ingest_stores = {"p", "q"};
  return config;
}

TEST(Opens, AShardThatWasClosedOpensWhenEachStoreHasAnnounced) {
  Started s(of_two_stores());
  s.bench.store().wipe("another");
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  s.bench.pass(minutes(30));  // p announces, q does not
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  EXPECT_EQ(s.bench.core->explain_key("api:k", s.bench.now)->upstream_why, wire::Wait::kClosure);
  s.bench.say(s.ingest, wire::Announced{"q", 0});
  s.bench.pass(seconds(2));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
}

TEST(Opens, WhoComesAfterItWasOpenedWaitsForNobody) {
  Started s(of_two_stores());
  s.bench.store().wipe("another");
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  s.bench.say(s.ingest, wire::Announced{"q", 0});
  s.bench.pass(minutes(1));
  s.bench.say(s.ingest, wire::Announced{"q", 0});
  s.bench.pass(minutes(30));
  ASSERT_FALSE(s.bench.said<wire::Dispatch>().empty());
  Config config = of_two_stores();
  config.life = 2;
  s.bench.core = std::make_unique<LimiterCore>(config, 9);
  s.bench.clear();
  const auto ingest = s.bench.up(wire::Role::kIngest);
  s.bench.dispatcher(16, 56);
  wire::Offer other = s.bench.offer("2", 2);
  other.key = "api:other";
  s.bench.announces.reset();
  s.bench.say(ingest, other);
  s.bench.pass(seconds(1));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
}

// The other store's announcement comes to another limiter alone, which opens.
TEST(Opens, WhoWaitsOpensWhenAnotherOneHasOpened) {
  Started s(of_two_stores());
  s.bench.store().wipe("another");
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  s.bench.pass(minutes(10));
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  const StoreTime closure = s.bench.store().shard("api")->state().closed_until;
  const wire::Hold mark{wire::HoldKind::kClosure, {}, "opened after " + std::to_string(closure.us)};
  const StoreAsk other{1, SetHold{"api", "api", true, mark}};
  static_cast<void>(s.bench.store().perform(other, s.bench.store_now()));
  s.bench.announces.reset();
  s.bench.pass(seconds(2));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
}

// An ingest was killed and is back before its former connection is known to be dead.
TEST(Opens, TheDeathOfAFormerConnectionTakesNothingBack) {
  for (const bool announced_on_the_new : {true, false}) {
    Started s(of_two_stores());
    const auto again = s.bench.up(wire::Role::kIngest);
    s.bench.store().wipe("another");
    s.bench.say(s.ingest, s.bench.offer("1", 1));
    s.bench.announces.reset();
    s.bench.say(s.ingest, wire::Announced{"p", 0});
    if (announced_on_the_new) s.bench.say(again, wire::Announced{"p", 0});
    s.bench.down(s.ingest);
    s.bench.say(again, s.bench.offer("1", 1));
    s.bench.say(again, wire::Announced{"q", 0});
    s.bench.pass(minutes(30));
    EXPECT_EQ(s.bench.said<wire::Dispatch>().empty(), !announced_on_the_new);
  }
}

TEST(Opens, PausesAreSaidBeforeItOpensTheLongerOfTwo) {
  Started s(of_two_stores());
  s.bench.store().wipe("another");
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  const StoreTime until = s.bench.store_now() + hours(2);
  for (const auto& [store, end] : {std::pair("p", until), std::pair("q", until - hours(1))}) {
    wire::Parked pause{store, "api:k", "api", 0, 0, {{wire::HoldKind::kPause, end, "ann"}}};
    s.bench.say(s.ingest, pause);
    s.bench.say(s.ingest, wire::Announced{store, 0});
  }
  s.bench.pass(seconds(1));
  const KeyRecord* key = s.bench.store().shard("api")->key("api:k");
  ASSERT_NE(key, nullptr);
  ASSERT_EQ(key->holds.size(), 1U);
  EXPECT_EQ(key->holds[0].until, until);
}

}  // namespace
}  // namespace sluice::limiter
