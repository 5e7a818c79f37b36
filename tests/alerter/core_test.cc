#include "alerter/core.h"

#include <gtest/gtest.h>

#include "alerter/routing.h"
#include "lib/base/calendar.h"
#include "tests/alerter/world.h"

namespace sluice::alerter {
namespace {

TEST(AlerterCore, EachAlertGoesToEachSinkOnceAndInOrder) {
  World world;
  for (std::uint64_t n = 1; n <= 5; ++n) world.trail.push_back(alert_of(n * 10));
  world.config.follow_max = 2;  // so that it must ask again
  world.start();
  world.wait(seconds(5));
  for (const std::string sink : {"a", "b"}) {
    std::vector<std::string> ids;
    for (const auto& [name, id] : world.got) {
      if (name == sink) ids.push_back(id);
    }
    std::vector<std::string> expected;
    for (const wire::Alert& alert : world.trail) expected.push_back(alert.alert_id);
    EXPECT_EQ(ids, expected);
  }
  EXPECT_EQ(world.state.cursor, 50U);
  EXPECT_TRUE(world.core->idle());
}

TEST(AlerterCore, FollowsEachSecondAndAtOnceWhenThereIsMore) {
  World world;
  world.start();
  world.wait(milliseconds(10));
  world.trail.push_back(alert_of(10));
  world.wait(milliseconds(500));
  EXPECT_TRUE(world.got.empty());
  world.wait(milliseconds(600));
  EXPECT_EQ(world.got.size(), 2U);
}

TEST(AlerterCore, IsWrittenBeforeItIsDelivered) {
  World world;
  world.trail.push_back(alert_of(10));
  world.kill_at = 3;  // open, due, put
  world.start();
  EXPECT_TRUE(world.killed);
  EXPECT_TRUE(world.got.empty());
  EXPECT_TRUE(world.state.alerts.empty());
  world.start();
  EXPECT_EQ(world.got.size(), 2U);
}

TEST(AlerterCore, DeliversWhateverIsUndeliveredWhoeverPutIt) {
  World world;
  const wire::Alert alert = alert_of(7);
  world.state.alerts[alert.alert_id] = alert;
  world.state.sinks[{alert.alert_id, "b"}] = {false, 3};
  world.start();
  EXPECT_EQ(world.times("b", 7), 1U);
  EXPECT_EQ(world.times("a", 7), 0U);
  const wire::Alert later = alert_of(8);
  world.state.alerts[later.alert_id] = later;
  world.state.sinks[{later.alert_id, "a"}] = {false, 0};
  world.wait(seconds(11));
  EXPECT_EQ(world.times("a", 8), 1U);
}

TEST(AlerterCore, ABrokenSinkIsTriedAgainAndHoldsUpNobody) {
  World world;
  world.broken = {"a"};
  world.trail.push_back(alert_of(10));
  world.start();
  EXPECT_EQ(world.times("b", 10), 1U);
  world.wait(seconds(60));
  // At once, then after 5, 10, 20, 40 s, each up to a quarter less.
  const auto failed = world.core->counts().failed;
  EXPECT_GE(failed, 4U);
  EXPECT_LE(failed, 5U);
  EXPECT_EQ((world.state.sinks[{alert_of(10).alert_id, "a"}].second), failed);
  world.broken.clear();
  world.wait(minutes(2));
  EXPECT_EQ(world.times("a", 10), 1U);
  EXPECT_EQ(world.times("b", 10), 1U);
}

TEST(AlerterCore, ASinkThatRefusesEverythingFillsItsOwnRoomOnly) {
  World world;
  world.config.jobs_max = 3;
  world.broken = {"a"};
  for (std::uint64_t n = 1; n <= 20; ++n) world.trail.push_back(alert_of(n));
  world.start();
  world.wait(minutes(2));
  for (std::uint64_t n = 1; n <= 20; ++n) EXPECT_EQ(world.times("b", n), 1U);
  world.broken.clear();
  world.wait(hours(1));
  for (std::uint64_t n = 1; n <= 20; ++n) EXPECT_EQ(world.times("a", n), 1U);
}

TEST(AlerterCore, TriesAreAtMostAQuarterOfAnHourApart) {
  World world({"a"});
  world.broken = {"a"};
  world.trail.push_back(alert_of(10));
  world.start();
  world.wait(hours(2));
  const auto before = world.core->counts().failed;
  world.wait(hours(2));
  EXPECT_GE(world.core->counts().failed - before, 8U);
  EXPECT_LE(world.core->counts().failed - before, 11U);
}

TEST(AlerterCore, ASilentSinkIsSaidTheSameAgain) {
  World world({"a"});
  world.silent = {"a"};
  world.trail.push_back(alert_of(10));
  world.start();
  world.wait(seconds(36));
  EXPECT_EQ(world.times("a", 10), 2U);
  world.silent.clear();
  world.wait(minutes(2));
  EXPECT_EQ(world.times("a", 10), 3U);
  world.wait(hours(1));
  EXPECT_EQ(world.times("a", 10), 3U);
}

TEST(AlerterCore, AnAuditorThatIsSilentIsAskedAgain) {
  World world;
  world.auditor_answers = false;
  world.start();
  world.trail.push_back(alert_of(10));
  world.wait(seconds(4));
  world.auditor_answers = true;
  EXPECT_TRUE(world.got.empty());
  world.wait(seconds(2));
  EXPECT_EQ(world.times("a", 10), 1U);
}

TEST(AlerterCore, AnAuditorThatGoesInTheMiddleIsFollowedFromTheCursor) {
  World world;
  world.auditor_answers = false;
  world.start();
  world.tell(alert_of(10));
  world.down();
  EXPECT_FALSE(world.core->ready());
  world.tell(wire::Followed{10, false});  // of a peer that is gone
  world.run();
  EXPECT_EQ(world.state.cursor, 0U);
}

TEST(AlerterCore, AnotherTrailIsFollowedFromItsBeginning) {
  World world;
  world.trail.push_back(alert_of(10));
  world.start();
  EXPECT_EQ(world.state.cursor, 10U);
  world.trail = {alert_of(2), alert_of(10)};
  world.trail[1].cursor = 3;  // the same alert, at another line
  world.trail_end = 5;
  world.wait(seconds(3));
  EXPECT_EQ(world.state.cursor, 3U);
  EXPECT_EQ(world.times("a", 2), 1U);
  EXPECT_EQ(world.times("a", 10), 1U);
}

// ---- groups, routes, repeats -------------------------------------------------------------------

wire::Alert hourly(std::uint64_t cursor, int hour, const char* kind = "violation") {
  wire::Alert alert = alert_of(cursor);
  alert.kind = kind;
  alert.dedup_key = kind;
  alert.at = {1'795'219'200'000'000 + hour * 3'600'000'000LL + 5'000'000};
  alert.period = hour_of(alert.at);
  return alert;
}

TEST(Groups, AlertsOfOneKindAndLabelsAreToldTogether) {
  World world({"a"});
  world.config.group_wait = seconds(5);
  for (std::uint64_t n = 1; n <= 4; ++n) {
    world.trail.push_back(alert_of(n));
    world.trail.back().labels = {{"upstream", n < 4 ? "x" : "y"}, {"key", std::to_string(n)}};
  }
  world.start();
  world.wait(seconds(4));
  EXPECT_TRUE(world.deliveries.empty());
  world.wait(seconds(2));
  ASSERT_EQ(world.deliveries.size(), 2U);
  EXPECT_EQ(world.deliveries[0].alerts.size(), 3U);
  EXPECT_EQ(world.deliveries[0].alerts[2].cursor, 3U);
  EXPECT_EQ(world.deliveries[1].alerts.size(), 1U);
  EXPECT_TRUE(world.core->idle());
}

TEST(Groups, ADeliveryListsAtMostSoMany) {
  World world({"a"});
  world.config.group_max = 3;
  for (std::uint64_t n = 1; n <= 7; ++n) world.trail.push_back(alert_of(n));
  world.start();
  world.wait(seconds(2));
  ASSERT_EQ(world.deliveries.size(), 3U);
  for (std::uint64_t n = 1; n <= 7; ++n) EXPECT_EQ(world.times("a", n), 1U);
}

TEST(Routes, ASinkGetsWhatItTakes) {
  Sink sink;
  wire::Alert alert = alert_of(1);  // a warning of kind budget
  alert.labels = {{"budget", "ai"}};
  EXPECT_TRUE(takes(sink, alert));
  sink.severities = {wire::Severity::kCritical};
  EXPECT_FALSE(takes(sink, alert));
  sink.severities.push_back(wire::Severity::kWarning);
  sink.budgets = {"aws"};
  EXPECT_FALSE(takes(sink, alert));
  sink.budgets.emplace_back("ai");
  EXPECT_TRUE(takes(sink, alert));
  sink.kinds = {"violation"};
  EXPECT_FALSE(takes(sink, alert));
  alert.kind = "violation";
  alert.labels.clear();  // about no budget
  EXPECT_TRUE(takes(sink, alert));
}

TEST(Routes, AnAlertThatNoSinkTakesIsSaid) {
  World world;
  world.config.sinks[0].kinds = {"violation"};
  world.config.sinks[1].kinds = {"held"};
  world.trail = {alert_of(1), hourly(2, 0)};
  world.start();
  world.wait(seconds(2));
  EXPECT_EQ(world.times("a", 2), 1U);
  EXPECT_EQ(world.got.size(), 1U);
  EXPECT_EQ(world.core->counts().unrouted, 1U);
  ASSERT_EQ(world.notes.size(), 1U);
  EXPECT_EQ(world.notes[0].alert_id, alert_of(1).alert_id);
}

// Each hour an alert; said at first, after four hours, and after an hour without it.
TEST(Repeats, WhatIsStillFiringIsSaidAgainAfterTheInterval) {
  World world({"a"});
  world.start();
  for (const int hour : {0, 1, 2, 3, 4, 5, 7, 8}) {
    world.trail.push_back(hourly(static_cast<std::uint64_t>(hour) + 1, hour));
    world.wait(seconds(2));
    if (hour == 2) world.start();  // a restart forgets nothing
  }
  std::vector<std::uint64_t> said;
  for (const Deliver& deliver : world.deliveries) said.push_back(deliver.alerts[0].cursor);
  EXPECT_EQ(said, (std::vector<std::uint64_t>{1, 5, 8}));
}

TEST(Repeats, WhatBecomesWorseIsSaidAtOnceAndABudgetsMonthAlways) {
  World world({"a"});
  world.trail = {hourly(1, 0), hourly(2, 1)};
  world.trail[1].severity = wire::Severity::kCritical;
  world.trail.push_back(alert_of(3));
  world.trail.push_back(alert_of(4));
  world.trail[3].dedup_key = world.trail[2].dedup_key;  // the next month's
  world.start();
  world.wait(seconds(2));
  EXPECT_EQ(world.got.size(), 4U);
}

void expect_all_delivered(const World& world, std::size_t repeats_max) {
  std::size_t repeats = 0;
  for (const wire::Alert& alert : world.trail) {
    for (const std::string sink : {"a", "b"}) {
      const std::size_t times = world.times(sink, alert.cursor);
      EXPECT_GE(times, 1U);
      repeats += times - 1;
      EXPECT_TRUE((world.state.sinks.at({alert.alert_id, sink}).first));
    }
  }
  EXPECT_LE(repeats, repeats_max);
}

// What a world without trouble asks for.
World with_alerts(std::uint32_t group_max) {
  World world;
  world.config.group_max = group_max;
  for (std::uint64_t n = 1; n <= 4; ++n) world.trail.push_back(alert_of(n));
  return world;
}

// Only a delivery that was made and not yet marked may come twice: one for each sink at most, with
// all the alerts that it lists.
TEST(AlerterCore, AKillAtAnyCallLosesNothing) {
  for (const std::uint32_t listed : {1U, 4U}) {
    World untouched = with_alerts(listed);
    untouched.start();
    untouched.wait(seconds(3));
    expect_all_delivered(untouched, 0);
    for (int n = 1; n <= untouched.calls; ++n) {
      for (const bool after : {false, true}) {
        SCOPED_TRACE(testing::Message() << "call " << n << (after ? " after" : " before"));
        World world = with_alerts(listed);
        world.kill_at = n;
        world.kill_after = after;
        world.start();
        world.wait(seconds(3));
        EXPECT_TRUE(world.killed);
        world.start();
        world.wait(seconds(3));
        expect_all_delivered(world, std::size_t{2} * listed);
      }
    }
  }
}

TEST(AlerterCore, ALostAnswerLosesNothing) {
  for (const std::uint32_t listed : {1U, 4U}) {
    World untouched = with_alerts(listed);
    untouched.start();
    untouched.wait(seconds(3));
    for (int n = 1; n <= untouched.calls; ++n) {
      SCOPED_TRACE(testing::Message() << "call " << n);
      World world = with_alerts(listed);
      world.lose_at = n;
      world.start();
      world.wait(minutes(2));
      expect_all_delivered(world, listed);
    }
  }
}

}  // namespace
}  // namespace sluice::alerter
