// Keys that are known to have rows and have nothing here: known_keys.h says how they come and go.
#include "limiter/known_keys.h"

#include <gtest/gtest.h>

#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Started;

constexpr std::size_t kOpen = 512;  // Wants of one ingest

std::string name_of(std::size_t number) { return "api:" + std::to_string(number); }

wire::Parked rows_of(std::size_t number, std::uint64_t count = 1) {
  return {"p", name_of(number), "api", count, static_cast<std::int64_t>(number) + 1, {}};
}

// As many keys as may be asked for, and so many more.
void announce(Started& s, std::size_t more) {
  for (std::size_t i = 0; i < kOpen + more; ++i) s.bench.say(s.ingest, rows_of(i));
}

void answer(Started& s, const wire::Want& want, std::uint32_t count) {
  s.bench.say(s.ingest, wire::Rows{want.want_id, want.store, want.key, count, false});
}

TEST(KnownKeys, AreFoundByNameAndStandInTheOrderInWhichTheyCame) {
  KnownKeys keys;
  for (const char* name : {"a", "b", "c", "d"}) keys.add(name).rows_count = 1;
  keys.add("b").rows_count = 7;
  EXPECT_EQ(keys.size(), 4U);
  EXPECT_EQ(keys.find("b")->rows_count, 7U);
  EXPECT_EQ(keys.find("e"), nullptr);
  std::string order;
  while (!keys.empty()) {
    const std::string next = keys.next();
    order += next;
    keys.erase(next);
  }
  EXPECT_EQ(order, "dacb");  // from either end
}

TEST(KnownKeys, NothingIsHereOfAKeyWhoseTurnToBeAskedForHasNotCome) {
  Started s;
  announce(s, 100);
  EXPECT_EQ(s.bench.said<wire::Want>().size(), kOpen);
  EXPECT_EQ(s.bench.core->keys(), kOpen);
  EXPECT_EQ(s.bench.core->known_keys(), 100U);
  s.bench.clear();
  announce(s, 100);  // said again, nothing changes
  EXPECT_EQ(s.bench.core->known_keys(), 100U);
  EXPECT_TRUE(s.bench.said<wire::Want>().empty());
}

TEST(KnownKeys, EachIsAskedForWhenAnotherHasItsAnswer) {
  Started s;
  announce(s, 3);
  std::vector<wire::Want> wants = s.bench.said<wire::Want>();
  for (std::size_t i = 0; i < kOpen; ++i) answer(s, wants[i], 0);
  wants = s.bench.said<wire::Want>();
  ASSERT_EQ(wants.size(), kOpen + 3);
  for (std::size_t i = kOpen; i < wants.size(); ++i) answer(s, wants[i], 0);
  EXPECT_EQ(s.bench.core->keys(), 0U);
  EXPECT_EQ(s.bench.core->known_keys(), 0U);
}

TEST(KnownKeys, WhoAsksWhyOneWaitsIsToldThatItHasRowsAndItIsForgottenAgain) {
  Started s;
  announce(s, 1);
  const auto explained = s.bench.core->explain_key(name_of(kOpen), s.bench.now);
  ASSERT_TRUE(explained);
  EXPECT_TRUE(explained->more);
  EXPECT_EQ(s.bench.core->keys(), kOpen + 1);
  s.bench.pass(milliseconds(1));
  EXPECT_EQ(s.bench.core->keys(), kOpen);
  EXPECT_EQ(s.bench.core->known_keys(), 1U);
  EXPECT_FALSE(s.bench.core->explain_key("api:nobody", s.bench.now));
}

TEST(KnownKeys, AQueueCopyOfAKnownKeyIsParkedAtOnce) {
  Started s;
  announce(s, 1);
  wire::Offer copy = s.bench.offer("1", 1, wire::Origin::kQueueCopy);
  copy.key = name_of(kOpen);
  s.bench.say(s.ingest, copy);
  ASSERT_EQ(s.bench.said<wire::Park>().size(), 1U);
  EXPECT_EQ(s.bench.said<wire::Park>()[0].why, wire::Wait::kBehind);
  EXPECT_EQ(s.bench.core->messages(), 0U);
}

TEST(KnownKeys, AHoldThatIsAnnouncedKeepsTheKeyHere) {
  Started s;
  announce(s, 1);
  wire::Parked held = rows_of(kOpen);
  held.holds = {{wire::HoldKind::kPause, StoreTime{}, "anna"}};
  s.bench.say(s.ingest, held);
  EXPECT_EQ(s.bench.core->keys(), kOpen + 1);
  const auto explained = s.bench.core->explain_key(name_of(kOpen), s.bench.now);
  EXPECT_EQ(explained->key_why, wire::Wait::kPaused);
}

TEST(KnownKeys, OneThatMovesIsNotAskedFor) {
  Started s;
  announce(s, 1);
  s.bench.say(s.ingest, wire::Moved{"p", "api", name_of(kOpen)});
  EXPECT_EQ(s.bench.core->known_keys(), 0U);
  const auto wants = s.bench.said<wire::Want>();
  answer(s, wants[0], 0);
  EXPECT_EQ(s.bench.said<wire::Want>().size(), kOpen);
}

TEST(KnownKeys, WaitForAnIngestOfTheirStore) {
  Started s;
  announce(s, 2);
  s.bench.down(s.ingest);
  s.bench.pass(minutes(2));
  EXPECT_EQ(s.bench.core->keys(), 0U);
  EXPECT_EQ(s.bench.core->known_keys(), kOpen + 2);
  s.bench.clear();
  s.ingest = s.bench.up(wire::Role::kIngest);
  EXPECT_TRUE(s.bench.said<wire::Want>().empty());
  s.bench.say(s.ingest, rows_of(0));
  EXPECT_EQ(s.bench.said<wire::Want>().size(), kOpen);
}

TEST(KnownKeys, TheLongestIsForeseenWhereverItIs) {
  Started s;
  announce(s, 0);
  s.bench.say(s.ingest, rows_of(kOpen, 100));
  EXPECT_EQ(s.bench.core->known_keys(), 1U);
  static_cast<void>(s.bench.core->departures(s.bench.now));
  s.bench.pass(milliseconds(1));
  const auto departs = s.bench.core->departures(s.bench.now);
  EXPECT_GT(departs.last, s.bench.store_now() + minutes(8));  // 100 at 10 a minute
}

// The time for which a person had closed it is remembered of a key that is nothing but known.
TEST(KnownKeys, WhatAPersonKeptIsNotOurDelay) {
  Started s;
  announce(s, 1);
  wire::Control control;
  control.control_id = 1;
  control.upstream = "api";
  control.key = name_of(kOpen);
  s.bench.say(s.ingest, control);
  wire::Offer offer = s.bench.offer("1", 1);
  s.bench.pass(seconds(20));
  control.verb = wire::Verb::kResume;
  s.bench.say(s.ingest, control);
  const StoreTime resumed = s.bench.store_now();
  s.bench.pass(seconds(40));
  EXPECT_EQ(s.bench.core->keys(), kOpen);
  EXPECT_EQ(s.bench.core->known_keys(), 1U);
  s.bench.clear();
  s.bench.pass(seconds(1));
  answer(s, s.bench.said<wire::Want>()[0], 0);
  offer.key = name_of(kOpen);
  s.bench.say(s.ingest, offer);
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  s.bench.say(s.dispatcher,
              s.bench.outcome(s.bench.said<wire::Dispatch>()[0], wire::Ended::kDelivered));
  StoreTime could_go_at;
  for (const wire::Record& line : s.bench.said<wire::Record>()) {
    could_go_at = std::max(could_go_at, line.could_go_at);
  }
  EXPECT_GE(could_go_at, resumed);
  EXPECT_LT(could_go_at, resumed + seconds(30));
}

}  // namespace
}  // namespace sluice::limiter
