#include "alerter/core.h"

#include <gtest/gtest.h>

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
  // At once, then after 5, 15, 35 s.
  EXPECT_EQ(world.core->counts().failed, 4U);
  EXPECT_EQ((world.state.sinks[{alert_of(10).alert_id, "a"}].second), 4U);
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
  EXPECT_EQ(world.core->counts().failed - before, 8U);
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

// Only a delivery that was made and not yet marked may come twice: one for each sink at most.
TEST(AlerterCore, AKillAtAnyCallLosesNothing) {
  World untouched;
  for (std::uint64_t n = 1; n <= 4; ++n) untouched.trail.push_back(alert_of(n));
  untouched.start();
  untouched.wait(seconds(3));
  expect_all_delivered(untouched, 0);
  for (int n = 1; n <= untouched.calls; ++n) {
    for (const bool after : {false, true}) {
      SCOPED_TRACE(testing::Message() << "call " << n << (after ? " after" : " before"));
      World world;
      world.trail = untouched.trail;
      world.kill_at = n;
      world.kill_after = after;
      world.start();
      world.wait(seconds(3));
      EXPECT_TRUE(world.killed);
      world.start();
      world.wait(seconds(3));
      expect_all_delivered(world, 2);
    }
  }
}

TEST(AlerterCore, ALostAnswerLosesNothing) {
  World untouched;
  for (std::uint64_t n = 1; n <= 4; ++n) untouched.trail.push_back(alert_of(n));
  untouched.start();
  untouched.wait(seconds(3));
  for (int n = 1; n <= untouched.calls; ++n) {
    SCOPED_TRACE(testing::Message() << "call " << n);
    World world;
    world.trail = untouched.trail;
    world.lose_at = n;
    world.start();
    world.wait(minutes(2));
    expect_all_delivered(world, 1);
  }
}

}  // namespace
}  // namespace sluice::alerter
