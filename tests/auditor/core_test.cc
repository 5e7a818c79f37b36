#include "auditor/core.h"

#include <gtest/gtest.h>

#include "tests/auditor/world.h"

namespace sluice::auditor {
namespace {

TEST(AuditorCore, ACostOfTheFutureDoesNotMoveTheTrailsTime) {
  World world;
  const wire::Record record = attempt_record(1, "onlyfans:a", 1, 2);
  world.say(record);
  world.run();
  wire::Cost cost = cost_of(1, 600'000'000'000);
  cost.at = record.at + hours(24 * 365);
  world.say(cost);
  world.run();
  ASSERT_EQ(world.lines("alert").size(), 1U);  // of its own month
  EXPECT_EQ(world.ledger.indexed().line, world.lines("alert")[0].n);
  EXPECT_LE(world.ledger.indexed().at, record.at);
  world.restart();
  EXPECT_LE(world.core->figures().at_least(world.now), record.at);
  world.ledger = FakeLedger();  // made anew from the trail
  world.restart();
  EXPECT_EQ(world.core->figures().at_least(world.now), record.at);
  EXPECT_EQ(world.ledger.indexed().at, record.at);
}

TEST(AuditorCore, AnswersNoAlerterWhileNothingCanBeWritten) {
  for (const bool looks : {false, true}) {
    World world;
    world.say(wire::Follow{0, 10});
    world.run();
    EXPECT_EQ(world.heard<wire::Followed>().size(), 1U);  // nothing waits to be written
    world.real_ledger = [&](const LedgerCall& call) -> LedgerAnswer {
      const bool fails = looks ? std::holds_alternative<LedgerLook>(call)
                               : std::holds_alternative<LedgerBook>(call);
      return fails ? LedgerFailed{"disk full"} : world.ledger.answer(call);
    };
    world.say(attempt_record(1, "onlyfans:a", 1, 2));
    world.run();
    for (int n = 0; n < 20; ++n) {
      world.wait(milliseconds(500));
      world.say(wire::Follow{0, 10});
      world.run();
      EXPECT_FALSE(world.core->ready());
    }
    EXPECT_EQ(world.heard<wire::Followed>().size(), 1U);
    world.real_ledger = nullptr;
    world.wait(seconds(2));
    world.wait(seconds(2));
    EXPECT_TRUE(world.core->ready());
    world.say(wire::Follow{0, 10});
    world.run();
    EXPECT_EQ(world.heard<wire::Followed>().size(), 2U);
  }
}

TEST(AuditorCore, RecordedComesAfterTheFsync) {
  World world;
  ASSERT_TRUE(world.core->ready());
  world.kill_at = world.calls + 2;  // the append
  world.say(attempt_record(1, "onlyfans:a", 0, 1));
  world.run();
  EXPECT_TRUE(world.killed);
  EXPECT_TRUE(world.heard<wire::Recorded>().empty());
  EXPECT_TRUE(world.trail.lines().empty());
  world.restart();
  world.say(attempt_record(1, "onlyfans:a", 0, 1));
  world.run();
  ASSERT_EQ(world.heard<wire::Recorded>().size(), 1U);
  EXPECT_EQ(world.heard<wire::Recorded>()[0].written, wire::Written::kNow);
  EXPECT_EQ(world.lines("attempt").size(), 1U);
}

TEST(AuditorCore, WhatComesInOneTurnIsWrittenAtOnce) {
  World world;
  const int before = world.calls;
  for (int n = 0; n < 100; ++n) world.say(attempt_record(n, "onlyfans:" + std::to_string(n), 0, 1));
  world.run();
  EXPECT_EQ(world.calls - before, 3);  // look, append, book
  EXPECT_EQ(world.heard<wire::Recorded>().size(), 100U);
  expect_whole(world);
}

TEST(AuditorCore, ARecordSaidAgainIsNotWrittenAgain) {
  World world;
  const auto record = attempt_record(1, "onlyfans:a", 0, 1);
  world.say(record);
  world.say(record);
  world.run();
  world.say(record);
  world.run();
  world.restart();
  world.say(record);
  world.run();
  EXPECT_EQ(world.lines("attempt").size(), 1U);
  std::vector<wire::Written> written;
  for (const auto& answer : world.heard<wire::Recorded>()) written.push_back(answer.written);
  using enum wire::Written;
  EXPECT_EQ(written, (std::vector{kNow, kBefore, kBefore, kBefore}));
}

TEST(AuditorCore, TheTrailHoldsNoNames) {
  World world;
  const auto record = attempt_record(1, "onlyfans:a-secret-user", 0, 1);
  world.say(record);
  world.run();
  for (const std::string& line : world.trail.lines()) {
    EXPECT_EQ(line.find("a-secret-user"), std::string::npos);
    EXPECT_EQ(line.find(record.id), std::string::npos);
    EXPECT_EQ(line.find(to_hex(record.identity)), std::string::npos);
    EXPECT_EQ(line.find(to_hex(record.content_hash)), std::string::npos);
    EXPECT_EQ(line.find(to_hex(record.record_id)), std::string::npos);
  }
  const Line line = world.lines("attempt").at(0);
  const std::string secret = to_bytes(sha256("secret of " + record.key));
  EXPECT_EQ(line.text("key"), key_name(secret, record.key));
  EXPECT_EQ(line.text("id"), id_name(secret, record.id));
}

TEST(AuditorCore, ASegmentsAgeCountsFromBeforeTheStart) {
  Config config = small_config();
  config.segment_age_max = hours(1);
  World world(config);
  world.say(attempt_record(1, "onlyfans:a", 1, 2));
  world.run();
  for (const bool old : {false, true}) {
    world.trail.segment_age = old ? minutes(60) : minutes(59);
    world.restart();
    const int n = old ? 3 : 2;
    world.say(attempt_record(n, "onlyfans:a", n, n + 1));
    world.run();
    EXPECT_EQ(world.trail.headers().size(), old ? 2U : 1U);
  }
  expect_whole(world);
}

TEST(AuditorCore, AnOldSegmentIsSealedBeforeTheNextLine) {
  Config config = small_config();
  config.segment_age_max = hours(1);
  World world(config);
  world.say(attempt_record(1, "onlyfans:a", 1, 2));
  world.run();
  world.wait(minutes(59));
  world.say(attempt_record(2, "onlyfans:a", 3, 4));
  world.run();
  EXPECT_EQ(world.trail.headers().size(), 1U);
  world.wait(minutes(2));
  EXPECT_EQ(world.trail.headers().size(), 1U);
  for (int n = 3; n < 6; ++n) {
    world.say(attempt_record(n, "onlyfans:a", n, n + 1));
    world.run();
  }
  EXPECT_EQ(world.trail.headers().size(), 2U);
  expect_whole(world);
}

TEST(AuditorCore, SegmentsWithoutACopyAreAnAlertOnceAnHour) {
  World world;
  const StoreTime since{kNov21Us};
  world.core->uncopied(2, since, since + minutes(60), world.now);
  world.run();
  EXPECT_TRUE(world.lines("alert").empty());
  for (int n = 0; n < 3; ++n) {
    world.core->uncopied(2, since, since + minutes(61 + n), world.now);
    world.run();
  }
  ASSERT_EQ(world.lines("alert").size(), 1U);
  EXPECT_EQ(world.lines("alert")[0].text("kind"), "uncopied");
  world.core->uncopied(2, since, since + minutes(121), world.now);
  world.run();
  EXPECT_EQ(world.lines("alert").size(), 2U);
}

TEST(AuditorCore, CostsAreBookedExactlyOnce) {
  World world;
  world.say(cost_of(1, 5));
  world.say(cost_of(1, 5));
  world.say(cost_of(1, 6));
  world.run();
  world.say(cost_of(1, 5));
  world.say(cost_of(1, 7));
  world.say(cost_of(2, kCostMax + 1));
  world.run();
  EXPECT_EQ(world.ledger.months["2026-11"]["openai"], 5);
  std::map<wire::Written, int> answers;
  using enum wire::Written;
  for (const auto& answer : world.heard<wire::Recorded>()) {
    ++answers[answer.written];
    // Of two contents of an event id each has its own answer.
    if (answer.event_id == "event-1") {
      EXPECT_EQ(answer.content_hash == cost_of(1, 5).content_hash, answer.written != kRefused);
    }
  }
  EXPECT_EQ(answers, (std::map<wire::Written, int>{{kNow, 1}, {kBefore, 2}, {kRefused, 3}}));
  EXPECT_EQ(world.core->counts().costs_refused, 3U);
}

TEST(AuditorCore, TheBudgetsAlertIsWrittenOnce) {
  World world;
  world.say(cost_of(1, 499'999'999'999));
  world.run();
  EXPECT_TRUE(world.lines("alert").empty());
  world.say(cost_of(2, 1));
  world.run();
  ASSERT_EQ(world.lines("alert").size(), 1U);
  EXPECT_EQ(world.lines("alert")[0].text("period"), "2026-11");
  for (int n = 3; n < 10; ++n) world.say(cost_of(n, 1'000'000'000));
  world.run();
  world.restart();
  world.say(cost_of(10, 1'000'000'000));
  world.run();
  EXPECT_EQ(world.lines("alert").size(), 1U);
}

TEST(AuditorCore, ElevenInAMinuteAreAnAlertTenAreNone) {
  World world;
  for (int n = 0; n < 10; ++n) world.say(attempt_record(n, "onlyfans:a", n, n + 1));
  for (int n = 10; n < 20; ++n) world.say(attempt_record(n, "onlyfans:b", n, n + 1));
  world.run();
  EXPECT_TRUE(world.lines("alert").empty());
  world.say(attempt_record(20, "onlyfans:a", 59, 60));
  world.say(attempt_record(21, "onlyfans:a", 59, 60));
  world.run();
  ASSERT_EQ(world.lines("alert").size(), 1U);
  EXPECT_EQ(world.lines("alert")[0].text("kind"), "violation");
  EXPECT_EQ(world.core->counts().violations_certain, 2U);
  expect_whole(world);
}

TEST(AuditorCore, TheWatchRemembersOverARestart) {
  World world;
  for (int n = 0; n < 10; ++n) world.say(attempt_record(n, "onlyfans:a", n, n + 1));
  world.run();
  world.restart();
  world.say(attempt_record(20, "onlyfans:a", 59, 60));
  world.run();
  EXPECT_EQ(world.lines("alert").size(), 1U);
}

TEST(AuditorCore, FollowersGetAlertsByCursor) {
  World world;
  world.say(cost_of(1, 600'000'000'000));
  world.run();
  world.say(wire::Follow{0, 10});
  world.run();
  ASSERT_EQ(world.heard<wire::Alert>().size(), 1U);
  const auto alert = world.heard<wire::Alert>()[0];
  EXPECT_EQ(alert.cursor, world.lines("alert")[0].n);
  EXPECT_EQ(alert.labels.at(0).value, "monthly");
  EXPECT_EQ(world.heard<wire::Followed>().at(0).cursor, alert.cursor);
  world.sent.clear();
  world.say(wire::Follow{alert.cursor, 10});
  world.say(wire::Follow{1'000'000, 10});  // a cursor of another trail
  world.run();
  EXPECT_TRUE(world.heard<wire::Alert>().empty());
  EXPECT_EQ(world.heard<wire::Followed>().at(0).cursor, alert.cursor);
  EXPECT_EQ(world.heard<wire::Followed>().at(1).cursor, world.trail.lines().size());
}

TEST(AuditorCore, ATornLineIsTold) {
  World world;
  world.say(attempt_record(1, "onlyfans:a", 0, 1));
  world.run();
  world.trail.tear(57);
  world.restart();
  ASSERT_EQ(world.lines("torn").size(), 1U);
  EXPECT_EQ(world.lines("torn")[0].number("bytes"), 57);
  expect_whole(world);
}

TEST(AuditorCore, SegmentsFollowEachOther) {
  Config config = small_config();
  config.segment_bytes_max = 2'000;
  World world(config);
  for (int n = 0; n < 30; ++n) {
    world.say(attempt_record(n, "onlyfans:a", n * 10, n * 10 + 1));
    if (n % 7 == 0) world.run();
  }
  world.run();
  EXPECT_GT(world.trail.headers().size(), 5U);
  expect_whole(world);
}

TEST(AuditorCore, ATrailThatLostLinesIsNotContinued) {
  World world;
  world.say(attempt_record(1, "onlyfans:a", 0, 1));
  world.run();
  world.trail = FakeTrail();
  world.restart();
  EXPECT_TRUE(world.halted);
  EXPECT_FALSE(world.core->ready());
  world.wait(hours(1));
  EXPECT_FALSE(world.core->ready());
}

TEST(AuditorCore, ReservationsAreRefusedWithTheReason) {
  World world;
  world.say(wire::Reserve{"r-1", "openai", "writer", 1, {}});
  world.run();
  ASSERT_EQ(world.heard<wire::Reserved>().size(), 1U);
  EXPECT_FALSE(world.heard<wire::Reserved>()[0].granted);
  EXPECT_FALSE(world.heard<wire::Reserved>()[0].reason.empty());
}

TEST(AuditorCore, WhatIsBeyondPendingMaxIsNotTaken) {
  Config config = small_config();
  config.pending_max = 3;
  World world(config);
  for (int n = 0; n < 5; ++n) world.say(attempt_record(n, "onlyfans:a", n * 100, n * 100 + 1));
  EXPECT_EQ(world.core->room(), 0U);
  world.run();
  EXPECT_EQ(world.heard<wire::Recorded>().size(), 3U);
  EXPECT_EQ(world.core->counts().overflowed, 2U);
}

// ---- every kill, every lost answer ------------------------------------------------------------

void say_everything(World& world) {
  for (int n = 0; n < 11; ++n) world.say(attempt_record(n, "onlyfans:a", n, n + 1));
  for (int n = 0; n < 10; ++n) world.say(cost_of(n, 60'000'000'000));
  world.run();
  for (int n = 11; n < 14; ++n) world.say(attempt_record(n, "onlyfans:b", n, n + 1));
  for (int n = 5; n < 12; ++n) world.say(cost_of(n, 60'000'000'000));
  world.run();
}

void expect_exact(const World& world) {
  expect_whole(world);
  EXPECT_EQ(world.lines("attempt").size(), 14U);
  EXPECT_EQ(world.lines("alert").size(), 2U);  // one budget, one violation
  EXPECT_EQ(world.ledger.months.at("2026-11").at("openai"), 12 * 60'000'000'000);
  EXPECT_EQ(world.ledger.records.size(), 14U);
  for (const auto& [id, alert] : world.ledger.alerts) EXPECT_NE(alert.cursor, 0U);
}

TEST(AuditorCore, AKillAtAnyCallLosesAndDoublesNothing) {
  World untouched;
  say_everything(untouched);
  expect_exact(untouched);
  for (int n = 1; n <= untouched.calls; ++n) {
    for (const bool after : {false, true}) {
      SCOPED_TRACE(testing::Message() << "call " << n << (after ? " after" : " before"));
      World world;
      world.calls = 0;
      world.kill_at = n;
      world.kill_after = after;
      world.restart();
      say_everything(world);
      world.restart();
      say_everything(world);
      expect_exact(world);
    }
  }
}

TEST(AuditorCore, ALostAnswerLosesAndDoublesNothing) {
  World untouched;
  say_everything(untouched);
  for (int n = 1; n <= untouched.calls; ++n) {
    SCOPED_TRACE(testing::Message() << "call " << n);
    World world;
    world.calls = 0;
    world.lose_at = n;
    world.restart();
    say_everything(world);
    world.wait(seconds(61));
    world.wait(seconds(2));
    ASSERT_TRUE(world.core->ready());
    say_everything(world);
    expect_exact(world);
  }
}

// The ledger wrote after all what was given up long ago: an alert that nobody knows of.
TEST(AuditorCore, AnAlertThatWasBookedLateGetsItsLine) {
  for (const bool brought : {false, true}) {
    World world;
    world.run();
    wire::Alert alert;
    alert.alert_id = "late";
    world.ledger.alerts.emplace(alert.alert_id, alert);
    LedgerBooked booked;
    booked.alerts_new = {false, brought};
    world.answer({12'345, booked});
    world.wait(seconds(11));
    world.wait(seconds(2));
    ASSERT_TRUE(world.core->ready());
    EXPECT_EQ(world.lines("alert").size(), brought ? 1U : 0U);
  }
}

TEST(AuditorCore, ANewLedgerIsFilledFromTheTrail) {
  World world;
  say_everything(world);
  world.ledger = FakeLedger();
  world.restart();
  EXPECT_EQ(world.lines("alert").size(), 2U);
  EXPECT_EQ(world.ledger.alerts.size(), 2U);
  EXPECT_EQ(world.ledger.records.size(), 14U);
}

}  // namespace
}  // namespace sluice::auditor
