// What books costs may be away, or slow: nothing but costs waits for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "auditor/core.h"
#include "tests/auditor/world.h"

namespace sluice::auditor {
namespace {

// Costs may be elsewhere (SplitLedger): that is away while the ledger's file is not.
TEST(AuditorCore, CostsThatCannotBeBookedHoldUpNoRecord) {
  for (const bool looks : {true, false}) {
    World world;
    world.real_ledger = [&](const LedgerCall& call) -> LedgerAnswer {
      if (const auto* look = std::get_if<LedgerLook>(&call); look != nullptr && looks) {
        LedgerFound found;
        found = std::get<LedgerFound>(
            world.ledger.answer(LedgerLook{look->records, look->keys, {}, {}}));
        found.knows_costs = look->events.empty();
        return found;
      }
      LedgerBook book;
      if (const auto* asked = std::get_if<LedgerBook>(&call)) book = *asked;
      if (looks || book.costs.empty()) return world.ledger.answer(call);
      book.costs.clear();
      LedgerBooked booked = std::get<LedgerBooked>(world.ledger.answer(book));
      booked.has_costs = false;
      return booked;
    };
    world.say(cost_of(1, 600'000'000'000));
    world.say(attempt_record(1, "onlyfans:a", 1, 2));
    world.run();
    EXPECT_EQ(world.lines("attempt").size(), 1U);
    EXPECT_EQ(world.heard<wire::Recorded>().size(), 1U);
    EXPECT_TRUE(world.core->ready());
    EXPECT_FALSE(world.core->idle());
    EXPECT_EQ(world.core->counts().costs_booked, 0U);
    const int calls = world.calls;
    world.wait(milliseconds(100));
    EXPECT_EQ(world.calls, calls);  // not again and again
    world.say(attempt_record(2, "onlyfans:a", 3, 4));
    world.run();
    EXPECT_EQ(world.heard<wire::Recorded>().size(), 2U);
    world.wait(seconds(3));
    EXPECT_EQ(world.core->counts().costs_booked, 0U);
    world.real_ledger = nullptr;
    world.wait(seconds(3));
    EXPECT_EQ(world.heard<wire::Recorded>().size(), 3U);
    EXPECT_EQ(world.core->counts().costs_booked, 1U);
    EXPECT_EQ(world.ledger.months["2026-11"]["openai"], 600'000'000'000);
    EXPECT_EQ(world.lines("alert").size(), 1U);
    EXPECT_TRUE(world.core->idle());
    expect_whole(world);
  }
}

TEST(AuditorCore, CostsThatWaitLeaveRoomForRecords) {
  Config config = small_config();
  config.pending_max = 10;
  World world(config);
  world.real_ledger = [&](const LedgerCall& call) -> LedgerAnswer {
    const auto* look = std::get_if<LedgerLook>(&call);
    if (look == nullptr || look->events.empty()) return world.ledger.answer(call);
    auto found =
        std::get<LedgerFound>(world.ledger.answer(LedgerLook{look->records, look->keys, {}, {}}));
    found.knows_costs = false;
    return found;
  };
  world.say(cost_of(0, 1));
  world.run();
  for (int n = 1; n < 20; ++n) world.say(cost_of(n, 1));
  world.run();
  EXPECT_EQ(world.core->room(), 5U);
  EXPECT_GT(world.core->counts().overflowed, 0U);
  world.real_ledger = nullptr;
  world.wait(seconds(3));
  EXPECT_EQ(world.core->counts().costs_booked, 5U);
}

// A table that is silent, where another would refuse.
TEST(AuditorCore, ALookForCostsThatIsNotAnsweredHoldsUpNoRecord) {
  World world;
  world.say(cost_of(1, 600'000'000'000));
  world.lose_at = world.calls + 1;
  world.run();
  for (int n = 0; n < 3; ++n) {
    world.say(attempt_record(n, "onlyfans:a", n, n + 1));
    world.wait(seconds(1));
    EXPECT_EQ(world.heard<wire::Recorded>().size(), static_cast<std::size_t>(n) + 1);
  }
  EXPECT_TRUE(world.core->ready());
  EXPECT_FALSE(world.core->idle());
  EXPECT_EQ(world.core->counts().costs_booked, 0U);
  world.wait(minutes(1));  // it is given up
  world.wait(seconds(3));
  EXPECT_EQ(world.core->counts().reopened, 0U);
  EXPECT_EQ(world.core->counts().costs_booked, 1U);
  EXPECT_EQ(world.heard<wire::Recorded>().size(), 4U);
  EXPECT_EQ(world.lines("alert").size(), 1U);
  EXPECT_TRUE(world.core->idle());
  expect_whole(world);
}

// The alerts of costs whose booking is not answered may be in the ledger: they get their line.
TEST(AuditorCore, ABookingOfCostsThatIsNotAnsweredLosesNoAlert) {
  World world;
  world.say(cost_of(1, 600'000'000'000));
  world.lose_at = world.calls + 2;
  world.run();
  world.say(attempt_record(1, "onlyfans:a", 1, 2));
  world.run();
  EXPECT_EQ(world.heard<wire::Recorded>().size(), 1U);
  EXPECT_TRUE(world.lines("alert").empty());
  world.wait(minutes(1));
  world.wait(seconds(3));
  EXPECT_EQ(world.lines("alert").size(), 1U);
  EXPECT_EQ(world.heard<wire::Recorded>().size(), 2U);
  EXPECT_EQ(world.ledger.months["2026-11"]["openai"], 600'000'000'000);
  EXPECT_TRUE(world.core->idle());
  expect_whole(world);
}

// Costs that are looked up count as costs that wait.
TEST(AuditorCore, CostsWhoseLookIsNotAnsweredLeaveRoomForRecords) {
  Config config = small_config();
  config.pending_max = 10;
  World world(config);
  world.say(cost_of(0, 1));
  world.lose_at = world.calls + 1;  // the look
  world.run();
  for (int n = 1; n < 20; ++n) world.say(cost_of(n, 1));
  EXPECT_EQ(world.core->room(), 5U);
  EXPECT_EQ(world.core->counts().overflowed, 15U);
  for (int n = 0; n < 5; ++n) world.say(attempt_record(n, "onlyfans:a", n, n + 1));
  EXPECT_EQ(world.core->counts().overflowed, 15U);
  EXPECT_EQ(world.core->room(), 0U);
}

// While a booking is under way the trail cannot be written: all is opened again, and what is
// answered then is of a former round.
TEST(AuditorCore, ABookingOfCostsThatIsAnsweredLateIsFoundAgain) {
  for (const bool booked : {true, false}) {
    World world;
    std::optional<LedgerBook> kept;
    world.real_ledger = [&](const LedgerCall& call) -> LedgerAnswer {
      const auto* book = std::get_if<LedgerBook>(&call);
      if (book == nullptr || book->costs.empty() || kept) return world.ledger.answer(call);
      kept = *book;
      return booked ? world.ledger.answer(call) : LedgerBooked{};  // it is still on its way
    };
    world.say(cost_of(1, 600'000'000'000));
    world.lose_at = world.calls + 2;
    world.run();
    ASSERT_TRUE(kept);
    bool fails = true;
    world.real_trail = [&](const TrailCall& call) -> TrailAnswer {
      if (std::exchange(fails, false)) return TrailFailed{"full"};
      return world.trail.answer(call);
    };
    world.say(attempt_record(1, "onlyfans:a", 1, 2));
    world.run();
    EXPECT_EQ(world.core->counts().reopened, 1U);
    EXPECT_FALSE(world.core->idle());
    world.answer({4, world.ledger.answer(*kept)});
    world.wait(seconds(2));
    world.wait(seconds(2));
    EXPECT_EQ(world.heard<wire::Recorded>().size(), 2U);
    EXPECT_EQ(world.ledger.months["2026-11"]["openai"], 600'000'000'000);
    EXPECT_EQ(world.lines("alert").size(), 1U);
    EXPECT_TRUE(world.core->idle());
    expect_whole(world);
  }
}

// Of many costs no booking has so many that none would be answered for long.
TEST(AuditorCore, CostsAreBookedAFewHundredAtATime) {
  World world;
  std::size_t most = 0;
  world.real_ledger = [&](const LedgerCall& call) -> LedgerAnswer {
    if (const auto* book = std::get_if<LedgerBook>(&call))
      most = std::max(most, book->costs.size());
    return world.ledger.answer(call);
  };
  for (int n = 0; n < 1'300; ++n) world.say(cost_of(n, 1));
  world.run();
  EXPECT_EQ(most, 500U);
  EXPECT_EQ(world.core->counts().costs_booked, 1'300U);
  EXPECT_TRUE(world.core->idle());
}

}  // namespace
}  // namespace sluice::auditor
