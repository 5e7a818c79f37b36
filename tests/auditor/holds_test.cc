// Holds that raise an alert: abnormal usage, and penalties that are long.
#include <gtest/gtest.h>

#include "tests/auditor/world.h"

namespace sluice::auditor {
namespace {

wire::Record hold_record(int n, std::string reason, int for_s) {
  wire::Record record;
  record.record_id = to_bytes(sha256("hold " + std::to_string(n))).substr(0, 16);
  record.kind = wire::RecordKind::kHold;
  record.at = {kNov21Us};
  record.upstream = "onlyfans";
  record.key = "onlyfans:a";
  record.reason = std::move(reason);
  if (for_s > 0) record.until = record.at + seconds(for_s);
  return record;
}

TEST(Holds, AbnormalUsageIsAnAlertWithTheNameOfItsKey) {
  World world;
  world.say(hold_record(1, "abnormal_usage", 0));
  world.say(hold_record(2, "abnormal_usage", 0));  // limiter and store say so, each by itself
  world.run();
  ASSERT_EQ(world.lines("alert").size(), 1U);
  const Line line = world.lines("alert")[0];
  EXPECT_EQ(line.text("kind"), "abnormal_usage");
  EXPECT_EQ(line.text("severity"), "critical");
  EXPECT_EQ(line.text("label.upstream"), "onlyfans");
  EXPECT_EQ(line.text("label.key"), world.lines("hold")[0].text("key"));
}

TEST(Holds, AKeyThatIsStoppedAgainIsAnotherAlert) {
  World world;
  world.say(hold_record(1, "abnormal_usage", 0));
  wire::Record again = hold_record(2, "abnormal_usage", 0);
  again.at = again.at + minutes(10);
  world.say(again);
  world.run();
  EXPECT_EQ(world.lines("alert").size(), 2U);
}

TEST(Holds, AKeyThatADeadMessageStoppedIsAnAlert) {
  World world;
  world.say(hold_record(1, "dead_message", 0));
  world.run();
  ASSERT_EQ(world.lines("alert").size(), 1U);
  const Line line = world.lines("alert")[0];
  EXPECT_EQ(line.text("kind"), "dead_stop");
  EXPECT_EQ(line.text("severity"), "critical");
  EXPECT_EQ(line.text("label.key"), world.lines("hold")[0].text("key"));
}

TEST(Holds, APenaltyIsAnAlertWhenItIsLong) {
  World world;
  world.say(hold_record(1, "penalty", 3'600));
  world.say(hold_record(2, "pause", 7'200));  // a person knows what he did
  world.say(hold_record(3, "penalty", 0));    // lies under one that a person has to open
  world.run();
  EXPECT_TRUE(world.lines("alert").empty());
  world.say(hold_record(4, "penalty", 3'601));
  world.run();
  ASSERT_EQ(world.lines("alert").size(), 1U);
  EXPECT_EQ(world.lines("alert")[0].text("kind"), "long_penalty");
  EXPECT_EQ(world.lines("alert")[0].text("severity"), "warning");
}

TEST(Holds, EachClosureIsAnAlert) {
  World world;
  wire::Record closure = hold_record(1, "closure: life", 150);
  closure.key.clear();
  world.say(closure);
  world.say(closure);  // by another limiter
  world.run();
  ASSERT_EQ(world.lines("hold").size(), 1U);
  ASSERT_EQ(world.lines("alert").size(), 1U);
  const Line alert = world.lines("alert")[0];
  EXPECT_EQ(alert.text("kind"), "closure");
  EXPECT_EQ(alert.text("severity"), "critical");
  EXPECT_EQ(alert.text("label.why"), "life");
  EXPECT_EQ(alert.text("dedup"), "closure:onlyfans:all:life");
  wire::Record first = hold_record(2, "closure: first", 150);
  first.at = first.at + hours(1);
  world.say(first);
  world.run();
  ASSERT_EQ(world.lines("alert").size(), 2U);
  EXPECT_EQ(world.lines("alert")[1].text("severity"), "warning");
}

TEST(Holds, TheBoundIsASetting) {
  Config config = small_config();
  config.bounds.long_penalty = seconds(60);
  World world(config);
  world.say(hold_record(1, "penalty", 61));
  world.run();
  EXPECT_EQ(world.lines("alert").size(), 1U);
}

TEST(Holds, AnAlertIsRaisedWhateverIsKilledWhen) {
  for (int at = 1; at <= 6; ++at) {
    for (const bool after : {false, true}) {
      World world;
      world.kill_at = world.calls + at;
      world.kill_after = after;
      world.say(hold_record(1, "abnormal_usage", 0));
      world.run();
      world.kill_at = 0;
      world.restart();
      world.say(hold_record(1, "abnormal_usage", 0));
      world.run();
      EXPECT_EQ(world.lines("hold").size(), 1U) << at << after;
      EXPECT_EQ(world.lines("alert").size(), 1U) << at << after;
    }
  }
}

}  // namespace
}  // namespace sluice::auditor
