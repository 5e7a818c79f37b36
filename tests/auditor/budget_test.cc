#include "auditor/budget.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::auditor {
namespace {

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

TEST(Budget, ProvidersAreFiltered) {
  Budget budget;
  const std::vector<ProviderTotal> totals = {{"openai", 5}, {"aws", 7}};
  EXPECT_EQ(spent(budget, totals), 12);
  budget.providers = {"aws", "other"};
  EXPECT_EQ(spent(budget, totals), 7);
  EXPECT_EQ(spent(Budget{}, {{"a", kMost}, {"b", 1}}), kMost);
}

TEST(Budget, ThresholdsAreMetExactly) {
  Budget budget;
  budget.amount_nano = 1'001;
  budget.thresholds = {{Basis::kActual, 50}, {Basis::kActual, 100}};
  const auto count = [&](std::int64_t amount) {
    return budget_alerts({budget}, "2026-11", {{"x", amount}}, StoreTime{1}).size();
  };
  EXPECT_EQ(count(500), 0U);  // 50 % is 500.5
  EXPECT_EQ(count(501), 1U);
  EXPECT_EQ(count(1'000), 1U);
  EXPECT_EQ(count(1'001), 2U);
  EXPECT_EQ(count(kMost), 2U);
}

TEST(Budget, TheSameBudgetAndMonthGiveTheSameId) {
  const auto id = [](const std::string& name, const char* month, std::int64_t amount) {
    Budget budget;
    budget.name = name;
    return budget_alerts({budget}, month, {{"x", amount}}, StoreTime{1}).at(0).alert_id;
  };
  constexpr std::int64_t kEnough = 500'000'000'000;
  EXPECT_EQ(id("a", "2026-11", kEnough), id("a", "2026-11", kEnough + 1));
  EXPECT_NE(id("a", "2026-11", kEnough), id("a", "2026-12", kEnough));
  EXPECT_NE(id("a", "2026-11", kEnough), id("b", "2026-11", kEnough));
}

TEST(Budget, NothingSpentIsNoAlert) {
  Budget budget;
  budget.amount_nano = 0;
  EXPECT_TRUE(budget_alerts({budget}, "2026-11", {}, StoreTime{1}).empty());
}

}  // namespace
}  // namespace sluice::auditor
