// What a transaction of costs is made of.
#include "auditor/cost_items.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "auditor/verbs.h"
#include "tests/auditor/world.h"

namespace sluice::auditor {
namespace {

using aws::dynamodb::number;
using aws::dynamodb::Write;

const CostTable kTable{"costs"};
const StoreTime kNow{kNov21Us};

std::string key_of(const Write& write) {
  return write.item.at("pk").text + " " + write.item.at("sk").text;
}

TEST(CostItems, AnEventAndItsTwoSums) {
  wire::Cost cost = cost_of(1, 42);
  cost.units = 7;
  const CostTransaction made = next_transaction({cost}, kTable, kNow);
  ASSERT_EQ(made.costs, 1u);
  ASSERT_EQ(made.writes.size(), 3u);
  const Write& event = made.writes[0];
  EXPECT_EQ(key_of(event), "EVENT#event-1 event");
  EXPECT_EQ(event.condition, "attribute_not_exists(pk)");
  EXPECT_EQ(event.item.at("hash").text, cost.content_hash);
  EXPECT_EQ(event.item.at("ttl"), number((kNow + kTable.keep_events).us / 1'000'000));
  const Write& day = made.writes[1];
  EXPECT_EQ(key_of(day), "COST#2026-11-21#openai writer#chat");
  EXPECT_EQ(day.terms.values.at(":a"), number(42));
  EXPECT_EQ(day.terms.values.at(":u"), number(7));
  EXPECT_EQ(day.terms.values.at(":e"), number(1));
  EXPECT_EQ(day.update.find("ADD amount_nano :a, units :u, events :e SET #n1 = :n1, #n2"), 0u);
  EXPECT_EQ(key_of(made.writes[2]), "MONTH#2026-11 openai");
}

aws::dynamodb::Item sums_of(const std::string& provider, std::int64_t nano, std::int64_t events) {
  return {{"sk", aws::dynamodb::text(provider)},
          {"provider", aws::dynamodb::text(provider)},
          {"agent", aws::dynamodb::text("writer")},
          {"type", aws::dynamodb::text("chat")},
          {"amount_nano", number(nano)},
          {"units", number(1)},
          {"events", number(events)}};
}

// The sums of days are kept for 90 days, the month's for 400.
TEST(CostItems, WhatWasBookedOnDaysThatHaveExpiredIsInTheMonth) {
  constexpr std::int64_t kDollar = 1'000'000'000;
  const std::vector month = {sums_of("openai", 70 * kDollar, 7),
                             sums_of("none-left", 5 * kDollar, 1),
                             sums_of("all-left", 3 * kDollar, 2)};
  const auto rows =
      month_rows(month, {sums_of("openai", 10 * kDollar, 1), sums_of("openai", 20 * kDollar, 2),
                         sums_of("all-left", 4 * kDollar, 3)});
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[1].provider + rows[1].agent, "openaiwriter");
  EXPECT_EQ(rows[1].amount_nano, 30 * kDollar);
  EXPECT_FALSE(rows[1].expired);
  EXPECT_EQ(rows[2].provider, "none-left");
  EXPECT_EQ(rows[2].amount_nano, 5 * kDollar);
  EXPECT_TRUE(rows[3].expired);
  EXPECT_EQ(rows[3].amount_nano, 40 * kDollar);
  EXPECT_EQ(rows[3].events, 4);
  std::ostringstream said;
  Budget budget;
  budget.amount_nano = 100 * kDollar;
  show_costs(rows, {"2026-11", {budget}, kNow}, said);
  EXPECT_NE(said.str().find("40.00  openai  of days that have expired"), std::string::npos)
      << said.str();
  EXPECT_NE(said.str().find("79.00 of 100.00"), std::string::npos) << said.str();
}

TEST(CostItems, FiftyEventsGoTogetherAndSumsAreOne) {
  std::deque<wire::Cost> costs;
  for (int n = 0; n < 120; ++n) costs.push_back(cost_of(n, n));
  const CostTransaction made = next_transaction(costs, kTable, kNow);
  EXPECT_EQ(made.costs, 50u);
  ASSERT_EQ(made.writes.size(), 52u);
  EXPECT_EQ(made.writes[50].terms.values.at(":a"), number(49 * 50 / 2));
  EXPECT_EQ(made.writes[51].terms.values.at(":e"), number(50));
}

TEST(CostItems, NoTransactionIsTooLarge) {
  std::deque<wire::Cost> costs;
  for (int n = 0; n < 60; ++n) {
    wire::Cost cost = cost_of(n, 1);
    cost.agent = "agent-" + std::to_string(n);
    cost.provider = "provider-" + std::to_string(n);
    costs.push_back(cost);
  }
  const CostTransaction made = next_transaction(costs, kTable, kNow);
  EXPECT_EQ(made.costs, 33u);
  EXPECT_EQ(made.writes.size(), 99u);
  std::set<std::string> keys;
  for (const Write& write : made.writes) keys.insert(key_of(write));
  EXPECT_EQ(keys.size(), made.writes.size());
}

TEST(CostItems, AnEventIsInATransactionOnce) {
  const CostTransaction made = next_transaction({cost_of(1, 1), cost_of(1, 1)}, kTable, kNow);
  EXPECT_EQ(made.costs, 1u);
}

TEST(CostItems, NamesThatLookAlikeAreToldApart) {
  wire::Cost one = cost_of(1, 1);
  wire::Cost two = cost_of(2, 1);
  one.agent = "a#b", one.type = "c";
  two.agent = "a", two.type = "b#c";
  const CostTransaction made = next_transaction({one, two}, kTable, kNow);
  ASSERT_EQ(made.writes.size(), 5u);
  EXPECT_EQ(key_of(made.writes[2]), "COST#2026-11-21#openai a#b#c");
  EXPECT_EQ(key_of(made.writes[3]), "COST#2026-11-21#openai a%23b#c");
}

}  // namespace
}  // namespace sluice::auditor
