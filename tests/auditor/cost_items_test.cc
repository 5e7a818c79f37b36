// What a transaction of costs is made of.
#include "auditor/cost_items.h"

#include <gtest/gtest.h>

#include <set>

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
