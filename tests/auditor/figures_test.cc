// The figures that must stay in bounds: each leaf against what it counts, and the alerts.
#include "auditor/figures.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "auditor/trail_facts.h"
#include "lib/base/prng.h"
#include "lib/wire/limits.h"
#include "tests/auditor/world.h"

namespace sluice::auditor {
namespace {

constexpr StoreTime kStart{kNov21Us};
constexpr Instant kNow{1'000'000};

TEST(Sliding, ForgetsWhatIsOlderThanItsWindow) {
  Sliding<2> counts(seconds(60));
  for (int n = 0; n < 120; ++n) counts.add(kStart + seconds(n), n % 2 == 0 ? 0 : 1);
  EXPECT_EQ(counts.sum()[0] + counts.sum()[1], 60U);
  counts.add(kStart, 0);  // too old
  EXPECT_EQ(counts.sum()[0], 30U);
  counts.add(kStart + seconds(90), 0);  // late, but within
  EXPECT_EQ(counts.sum()[0], 31U);
  counts.add(kStart + hours(24 * 365), 1);
  EXPECT_EQ(counts.sum()[0], 0U);
  EXPECT_EQ(counts.sum()[1], 1U);
}

TEST(Delays, QuantilesAreWithinAnEighth) {
  Prng prng(7);
  for (int round = 0; round < 200; ++round) {
    Delays delays(hours(1), milliseconds(500));
    std::vector<std::int64_t> all;
    std::uint64_t slow = 0;
    const std::int64_t most = std::int64_t{1} << prng.between(1, 40);
    for (int n = 0; n < 300; ++n) {
      all.push_back(prng.between(0, most));
      if (all.back() >= 500'000) ++slow;
      delays.add(kStart, microseconds(all.back()));
    }
    std::sort(all.begin(), all.end());
    const std::int64_t said = delays.quantile(990'000).us;
    ASSERT_GE(said, all[296]);
    ASSERT_LE(said, all[296] + all[296] / 8);
    ASSERT_EQ(delays.slow(), slow);
  }
}

TEST(TimeSense, IsALowerBound) {
  TimeSense time;
  EXPECT_EQ(time.at_least(kNow).us, 0);
  time.hear(kStart, kNow);
  EXPECT_EQ(time.at_least(kNow + seconds(5)), kStart + seconds(5));
  time.hear(kStart + seconds(3), kNow + seconds(5));  // old news
  EXPECT_EQ(time.at_least(kNow + seconds(5)), kStart + seconds(5));
  time.hear(kStart + seconds(9), kNow + seconds(5));
  EXPECT_EQ(time.at_least(kNow + seconds(6)), kStart + seconds(10));
}

wire::Record ended(int n, wire::Settlement how) {
  auto record = attempt_record(n, "onlyfans:a", n, n + 1);
  record.settlement = static_cast<std::uint32_t>(how);
  return record;
}

Bounds few() {
  Bounds bounds;
  bounds.dead_from = 10;
  bounds.start_delay_from = 10;
  return bounds;
}

TEST(Figures, OneDeadOfAHundredIsTooMany) {
  for (const int all : {101, 100, 9}) {
    Figures figures(few());
    Figures::Alerts alerts;
    for (int n = 1; n < all; ++n) {
      figures.see(ended(n, wire::Settlement::kDelivered), kNow, alerts);
    }
    for (int n = 0; n < 50; ++n) figures.see(ended(n, wire::Settlement::kCancelled), kNow, alerts);
    EXPECT_TRUE(alerts.empty());
    figures.see(ended(all, wire::Settlement::kDead), kNow, alerts);
    EXPECT_EQ(alerts.size(), all == 100 ? 1U : 0U) << all;
    if (all == 100) {
      EXPECT_EQ(alerts[0].kind, "dead_share");
      EXPECT_NE(alerts[0].text.find("1 of the last 100"), std::string::npos) << alerts[0].text;
    }
  }
}

TEST(Figures, AnAlertIsRaisedOnceAnHourAndAgainWhenItMayBeLost) {
  Figures figures(few());
  Figures::Alerts alerts;
  for (int n = 0; n < 20; ++n) figures.see(ended(n, wire::Settlement::kDead), kNow, alerts);
  EXPECT_EQ(alerts.size(), 1U);
  figures.raise_again();
  figures.see(ended(20, wire::Settlement::kDead), kNow, alerts);
  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_EQ(alerts[0].alert_id, alerts[1].alert_id);
  figures.see(ended(3'590, wire::Settlement::kDead), kNow, alerts);
  EXPECT_EQ(alerts.size(), 2U);
  for (int n = 0; n < 20; ++n) figures.see(ended(3'600 + n, wire::Settlement::kDead), kNow, alerts);
  ASSERT_EQ(alerts.size(), 3U);
  EXPECT_NE(alerts[1].alert_id, alerts[2].alert_id);
}

TEST(Figures, TheNinetyNinthPercentileOfTheStartIsBelowTheBound) {
  Figures figures(few());
  Figures::Alerts alerts;
  const auto start = [&](int n, Duration delay) {
    auto record = ended(n, wire::Settlement::kDelivered);
    record.could_go_at = record.started_at - delay;
    figures.see(record, kNow, alerts);
  };
  for (int n = 0; n < 198; ++n) start(n, milliseconds(499));
  start(198, milliseconds(500));
  start(199, seconds(5));
  EXPECT_TRUE(alerts.empty());
  start(200, milliseconds(500));
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].kind, "start_delay");
}

TEST(Figures, WhatWaitsForUsAndWhatLiesDead) {
  Figures figures({});
  Figures::Alerts alerts;
  figures.hear(wire::PeerId{1}, {5, 10, kStart}, kNow, alerts);
  figures.hear(wire::PeerId{1}, {5, 10, kStart}, kNow + seconds(300), alerts);
  EXPECT_TRUE(alerts.empty());
  EXPECT_EQ(figures.held(kNow + seconds(300)), seconds(300));
  figures.hear(wire::PeerId{2}, {5, 1, {}}, kNow + seconds(300), alerts);
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].kind, "dead_letters");
  EXPECT_NE(alerts[0].text.find("11 dead letters"), std::string::npos) << alerts[0].text;
  figures.hear(wire::PeerId{1}, {5, 1, kStart}, kNow + seconds(310), alerts);
  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_EQ(alerts[1].kind, "held");
  EXPECT_EQ(alerts[1].at, kStart + seconds(310));
  figures.forget(wire::PeerId{1});
  EXPECT_EQ(figures.held(kNow + seconds(320)), Duration{});
  EXPECT_EQ(figures.backlogs().waiting(), 5U);
}

TEST(Figures, LimitsThatTheAuditorDoesNotKnowAreSaidAfterAMinute) {
  Figures figures({});
  Figures::Alerts alerts;
  figures.unwatched(kStart, alerts);
  figures.unwatched(kStart + seconds(59), alerts);
  EXPECT_TRUE(alerts.empty());
  figures.unwatched(kStart + seconds(60), alerts);
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].kind, "unwatched");
}

// ---- in the core -------------------------------------------------------------------------------

TEST(FiguresInTheCore, ABacklogRaisesAnAlertInTheTrail) {
  World world;
  world.say(wire::Backlog{100, 11, {}});
  world.run();
  EXPECT_TRUE(world.lines("alert").empty());  // nobody knows what time it is
  world.say(attempt_record(1, "onlyfans:a", 1, 2));
  world.run();
  world.say(wire::Backlog{100, 11, {}});
  world.run();
  ASSERT_EQ(world.lines("alert").size(), 1U);
  EXPECT_EQ(world.lines("alert")[0].text("kind"), "dead_letters");
  world.say(wire::Backlog{100, 12, {}});
  world.run();
  EXPECT_EQ(world.lines("alert").size(), 1U);
  EXPECT_TRUE(world.core->idle());
}

TEST(FiguresInTheCore, AnAlertThatIsLostOnItsWayIsRaisedAgain) {
  for (int lost = 1; lost <= 4; ++lost) {
    World world;
    world.say(attempt_record(1, "onlyfans:a", 1, 2));
    world.run();
    world.lose_at = world.calls + lost;
    world.say(wire::Backlog{100, 11, {}});
    world.run();
    world.wait(seconds(11));
    world.wait(seconds(2));
    world.say(wire::Backlog{100, 11, {}});
    world.run();
    EXPECT_EQ(world.lines("alert").size(), 1U) << lost;
  }
}

TEST(FiguresInTheCore, ARecordThatGoesRoundTwiceIsCountedOnce) {
  World world;
  world.lose_at = world.calls + 2;  // the append's answer
  world.say(attempt_record(1, "onlyfans:a", 1, 2));
  world.run();
  world.wait(seconds(11));
  world.wait(seconds(2));
  EXPECT_EQ(world.lines("attempt").size(), 1U);
  EXPECT_LE(world.core->figures().dead().all(), 1U);
  world.say(attempt_record(1, "onlyfans:a", 1, 2));
  world.say(attempt_record(2, "onlyfans:a", 2, 3));
  world.run();
  EXPECT_LE(world.core->figures().dead().all(), 2U);
  EXPECT_GE(world.core->figures().dead().all(), 1U);
}

TEST(FiguresInTheCore, AnEditIsTakenAndWhatNobodyToldIsUnwatched) {
  Config config = small_config();
  World world(config);
  auto record = attempt_record(1, "onlyfans:a", 1, 2);
  config.upstreams[0].limits[0].n = 1;
  const std::uint64_t version = limits_version("onlyfans", config.upstreams[0].limits);
  record.limits_version = version;
  world.say(record);
  world.run();
  EXPECT_EQ(world.core->counts().unwatched, 1U);
  config.upstreams[0].limits[0].n = 1;
  world.core->edit(config.upstreams);
  auto second = attempt_record(2, "onlyfans:a", 3, 4);
  second.limits_version = version;
  world.say(second);
  world.run();
  EXPECT_EQ(world.core->counts().unwatched, 1U);
  EXPECT_EQ(world.core->counts().violations_certain, 1U);
  ASSERT_EQ(world.lines("alert").size(), 1U);
  EXPECT_EQ(world.lines("alert")[0].text("kind"), "violation");
}

wire::Record limits_record(const std::vector<Limit>& limits) {
  auto record = attempt_record(1, "", 1, 2);
  record.kind = wire::RecordKind::kLimits;
  record.ended = 0;
  record.limits_version = limits_version("onlyfans", limits);
  record.limit_rows = wire::rows_of(limits);
  return record;
}

// What a limiter says holds, to an auditor that has not seen the line of the edit. Known already,
// it is not written; what held once, and was forgotten, is learnt again.
TEST(FiguresInTheCore, LimitsThatHoldAreLearntAndWrittenOnce) {
  World world;
  const std::vector<Limit> few = {{"few", LimitScope::kKey, 1, seconds(60), 1, seconds(1)}};
  const auto held = limits_record(few);
  auto by_file = held;
  by_file.record_id = to_bytes(sha256("file")).substr(0, 16);
  by_file.limits_version = limits_version("onlyfans", small_config().upstreams[0].limits);
  by_file.limit_rows = wire::rows_of(small_config().upstreams[0].limits);
  world.say(by_file);
  world.run();
  EXPECT_TRUE(world.lines("limits").empty());
  EXPECT_EQ(world.core->counts().records_known, 1U);
  world.say(held);
  world.run();
  ASSERT_EQ(world.lines("limits").size(), 1U);
  world.say(held);
  world.run();
  EXPECT_EQ(world.lines("limits").size(), 1U);
  // Its record is remembered for longer than the limits are.
  world.ledger.limits.clear();
  world.ledger.watch_from = 100;
  world.restart();
  world.say(held);
  world.run();
  EXPECT_EQ(world.lines("limits").size(), 1U);
  EXPECT_EQ(world.ledger.limits.size(), 1U);
  for (int n = 2; n < 4; ++n) {
    auto record = attempt_record(n, "onlyfans:a", 2 * n, 2 * n + 1);
    record.limits_version = held.limits_version;
    world.say(record);
  }
  world.run();
  EXPECT_EQ(world.core->counts().unwatched, 0U);
  EXPECT_EQ(world.core->counts().violations_certain, 1U);
}

// A person's edit, which no settings file has: the line of it says what attempts are held against,
// also after a restart that reads no line that old.
TEST(FiguresInTheCore, LimitsAreLearntFromTheLineOfTheirEdit) {
  World world;
  const std::vector<Limit> few = {{"few at once", LimitScope::kKey, 1, seconds(60), 1, seconds(1)}};
  auto edit = limits_record(few);
  edit.limits_before = 7;
  world.say(edit);
  auto record = attempt_record(2, "onlyfans:a", 3, 4);
  record.limits_version = edit.limits_version;
  world.say(record);
  world.run();
  EXPECT_EQ(world.core->counts().unwatched, 0U);
  ASSERT_EQ(world.lines("limits").size(), 1U);
  EXPECT_EQ(world.lines("limits")[0].text("limit.1"),
            "key rate 1 60000000 1 1000000 rules few at once");
  EXPECT_EQ(world.lines("limits")[0].text("before"), "0000000000000007");
  world.ledger.watch_from = 100;
  world.restart();
  auto second = attempt_record(3, "onlyfans:a", 5, 6);
  auto third = attempt_record(4, "onlyfans:a", 7, 8);
  second.limits_version = third.limits_version = edit.limits_version;
  world.say(second);
  world.say(third);
  world.run();
  EXPECT_EQ(world.core->counts().unwatched, 0U);
  EXPECT_EQ(world.core->counts().violations_certain, 1U);
}

TEST(LimitText, ComesBack) {
  Limit odd{"a  b rules shadow", LimitScope::kUpstream, 3, milliseconds(7), 2, microseconds(5)};
  odd.shadow = true;
  Limit open{"open"};
  open.kind = LimitKind::kConcurrency;
  for (const Limit& limit : {odd, open}) EXPECT_EQ(read_limit_text(limit_text(limit)), limit);
  for (const char* wrong : {"", "key", "key rate 1 2 3 rules n", "key rate 0 1 1 1 rules n",
                            "key rate 1 x 1 1 rules n", "all rate 1 1 1 1 rules n"}) {
    EXPECT_FALSE(read_limit_text(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace sluice::auditor
