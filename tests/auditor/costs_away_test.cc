// What books costs may be away, or slow: nothing but costs waits for it.
#include <gtest/gtest.h>

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

// A call of AWS that is not answered lasts for a minute: pending_max of costs would be full by
// then.
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

}  // namespace
}  // namespace sluice::auditor
