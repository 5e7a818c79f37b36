// The alerter's core when others are away or refuse: sinks, its own state, the auditor.
#include <gtest/gtest.h>

#include "alerter/core.h"
#include "tests/alerter/world.h"

namespace sluice::alerter {
namespace {

// ---- sinks that refuse -------------------------------------------------------------------------

TEST(Sinks, WhatASinkRefusesForGoodGoesToTheOthers) {
  World world;
  world.config.sinks[0].kinds = {"violation"};
  world.broken = world.refusing = {"b"};
  world.trail = {alert_of(1)};
  world.start();
  world.wait(hours(2));
  EXPECT_EQ(world.core->counts().given_up, 1U);
  EXPECT_EQ(world.core->counts().failed, 4U);
  EXPECT_EQ(world.times("a", 1), 1U);
  ASSERT_EQ(world.notes.size(), 1U);
  EXPECT_EQ(world.notes[0].sink, "b");
  world.wait(hours(24));
  EXPECT_EQ(world.deliveries.size(), 6U);  // five refused, one delivered
  EXPECT_EQ(world.core->undelivered(), 0U);
}

// The sink refuses a list: each alert is tried alone.
TEST(Sinks, AListThatIsRefusedIsTakenApart) {
  World world({"a"});
  world.broken = world.refusing = {"a"};
  world.trail = {alert_of(1), alert_of(2)};
  world.start();
  world.wait(milliseconds(100));
  ASSERT_EQ(world.deliveries.size(), 1U);
  EXPECT_EQ(world.deliveries[0].alerts.size(), 2U);
  world.broken.clear();
  world.wait(seconds(10));
  ASSERT_EQ(world.deliveries.size(), 3U);
  EXPECT_EQ(world.deliveries[1].alerts.size(), 1U);
  EXPECT_EQ(world.deliveries[2].alerts.size(), 1U);
}

TEST(Sinks, ASinkIsNotAskedBeforeTheTimeItNames) {
  World world({"a"});
  world.broken = {"a"};
  world.retry_after = minutes(10);
  world.trail = {alert_of(1)};
  world.start();
  world.trail.push_back(alert_of(2));
  world.wait(minutes(9));
  EXPECT_EQ(world.deliveries.size(), 1U);
  world.broken.clear();
  world.wait(minutes(2));
  EXPECT_EQ(world.times("a", 1), 1U);
  EXPECT_EQ(world.times("a", 2), 1U);
}

TEST(Sinks, WhereNoOtherIsLeftItIsTriedOnAndOn) {
  for (const std::vector<std::string>& sinks :
       {std::vector<std::string>{"a"}, std::vector<std::string>{"a", "b"}}) {
    World world(sinks);
    world.config.sinks[0].kinds = {"budget"};
    if (sinks.size() > 1) world.config.sinks[1].kinds = {"violation"};
    world.broken = world.refusing = {"a", "b"};
    world.trail = {alert_of(1)};
    world.start();
    world.wait(hours(3));
    EXPECT_EQ(world.core->counts().given_up, sinks.size() - 1);
    world.start();  // its next life knows who gave it up
    world.wait(hours(3));
    EXPECT_EQ(world.core->counts().given_up, 0U);
    EXPECT_EQ(world.core->undelivered(), 1U);
    world.broken.clear();
    world.wait(hours(1));
    EXPECT_EQ(world.times(sinks.back(), 1), 1U);
    EXPECT_EQ(world.core->undelivered(), 0U);
  }
}

TEST(Sinks, OnlyARefusalGivesAnAlertUp) {
  World world;
  world.config.give_up_after = 1;
  world.broken = world.refusing = {"a"};
  world.trail = {alert_of(1), alert_of(2)};
  world.start();
  world.wait(milliseconds(100));  // the list is refused
  world.refusing.clear();
  world.wait(hours(3));  // and now it is merely away
  EXPECT_EQ(world.core->counts().given_up, 0U);
  world.broken.clear();
  world.wait(hours(1));
  EXPECT_EQ(world.times("a", 1), 1U);
  EXPECT_EQ(world.times("a", 2), 1U);
}

TEST(Sinks, WhatWasForASinkThatIsGoneGoesToTheOthers) {
  World world;
  world.config.sinks[0].kinds = {"violation"};
  world.broken = {"b"};
  world.trail = {alert_of(1), alert_of(2)};
  world.start();
  world.wait(seconds(10));
  world.config.sinks[1].name = "c";
  world.notes.clear();
  world.start();
  world.wait(seconds(10));
  EXPECT_EQ(world.times("a", 1), 1U);
  EXPECT_EQ(world.times("c", 2), 1U);
  ASSERT_EQ(world.notes.size(), 1U);
  EXPECT_EQ(world.notes[0].what.substr(0, 2), "2 ");
  world.notes.clear();
  world.start();
  EXPECT_TRUE(world.notes.empty());
}

// ---- a state that fails ------------------------------------------------------------------------

TEST(State, WhileItFailsTheAlerterIsNotReadyAndDoesNotBeat) {
  World world;
  world.config.beats = true;
  world.start();
  world.wait(minutes(1));
  EXPECT_TRUE(world.core->ready());
  world.real_state = [&](const StateCall& call) -> StateAnswer {
    if (std::holds_alternative<StatePut>(call)) return StateFailed{"disk full"};
    return world.state.answer(call);
  };
  world.trail.push_back(alert_of(10));
  world.wait(seconds(5));
  EXPECT_FALSE(world.core->ready());
  const int before = world.beats;
  world.wait(minutes(10));
  EXPECT_EQ(world.beats, before);
  world.trail.clear();  // nothing more to put: it is found out all the same
  world.real_state = nullptr;
  world.wait(seconds(10));
  EXPECT_TRUE(world.core->ready());
  world.wait(minutes(2));
  EXPECT_GT(world.beats, before);
}

// ---- silence -----------------------------------------------------------------------------------

constexpr StoreTime kWall{1'795'219'200'000'000};

TEST(Silence, OfTheAuditorIsAnAlertOnceAnHour) {
  World world({"a"});
  world.start();
  world.wait(seconds(30));
  world.tell_time(kWall);
  world.auditor_answers = false;
  world.wait(seconds(30));
  world.tell_time(kWall);
  EXPECT_TRUE(world.got.empty());
  world.wait(seconds(40));
  for (int n = 0; n < 5; ++n) world.tell_time(kWall + seconds(n));
  world.wait(seconds(1));
  ASSERT_EQ(world.deliveries.size(), 1U);
  EXPECT_EQ(world.deliveries[0].alerts[0].kind, "auditor_silent");
  world.start();  // its next life knows that it was said
  world.wait(minutes(3));
  world.tell_time(kWall + minutes(5));
  world.wait(seconds(1));
  EXPECT_EQ(world.deliveries.size(), 1U);
  world.auditor_answers = true;
  world.trail.push_back(alert_of(10));
  world.wait(seconds(20));
  EXPECT_EQ(world.times("a", 10), 1U);
}

TEST(Silence, IsSaidWhenTheStateTakesItAtLast) {
  World world({"a"});
  world.start();
  world.auditor_answers = false;
  world.wait(minutes(2));
  world.real_state = [&](const StateCall& call) -> StateAnswer {
    if (std::holds_alternative<StatePut>(call)) return StateFailed{"disk full"};
    return world.state.answer(call);
  };
  world.tell_time(kWall);
  world.wait(seconds(20));
  EXPECT_TRUE(world.got.empty());
  world.real_state = nullptr;
  world.tell_time(kWall + seconds(20));
  world.wait(seconds(1));
  EXPECT_EQ(world.got.size(), 1U);
}

TEST(Silence, EachOutageIsSaid) {
  for (const bool restarts : {false, true}) {
    World world({"a"});
    world.start();
    for (int outage = 1; outage <= 3; ++outage) {
      world.auditor_answers = false;
      world.wait(minutes(2));
      for (int n = 0; n < 3; ++n) world.tell_time(kWall + minutes(5 * outage) + seconds(n));
      world.wait(seconds(1));
      EXPECT_EQ(world.got.size(), static_cast<std::size_t>(outage));
      world.auditor_answers = true;
      world.wait(minutes(1));
      if (restarts) world.start();
    }
  }
}

TEST(Silence, TheHeartbeatStopsWithTheAuditor) {
  for (const Duration silence_max : {minutes(1), Duration{}}) {
    World world({"a"});
    world.config.beats = true;
    world.config.silence_max = silence_max;
    world.start();
    world.wait(minutes(10));
    EXPECT_GE(world.beats, 10);
    EXPECT_LE(world.beats, 11);
    const int before = world.beats;
    world.auditor_answers = false;
    world.wait(minutes(10));
    EXPECT_LE(world.beats, before + 1);
  }
}

}  // namespace
}  // namespace sluice::alerter
