#include "auditor/budget.h"

#include <gtest/gtest.h>

#include <limits>

#include "auditor/forecast.h"
#include "auditor/settings.h"
#include "lib/base/calendar.h"
#include "lib/base/prng.h"

namespace sluice::auditor {
namespace {

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

std::vector<wire::Alert> alerts_of(const Budget& budget, const char* month, std::int64_t amount,
                                   const char* at = "2026-11-01") {
  const std::vector<ProviderTotal> totals = {{"x", amount}};
  return budget_alerts({budget}, {month, totals, *parse_time(at), {}});
}

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
    return alerts_of(budget, "2026-11", amount).size();
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
    return alerts_of(budget, month, amount).at(0).alert_id;
  };
  constexpr std::int64_t kEnough = 500'000'000'000;
  EXPECT_EQ(id("a", "2026-11", kEnough), id("a", "2026-11", kEnough + 1));
  EXPECT_NE(id("a", "2026-11", kEnough), id("a", "2026-12", kEnough));
  EXPECT_NE(id("a", "2026-11", kEnough), id("b", "2026-11", kEnough));
}

TEST(Budget, NothingSpentIsNoAlert) {
  Budget budget;
  budget.amount_nano = 0;
  EXPECT_TRUE(alerts_of(budget, "2026-11", 0).empty());
}

// ---- the forecast ------------------------------------------------------------------------------

constexpr Duration kThreeDays = hours(72);
constexpr std::int64_t kDollar = 1'000'000'000;

std::int64_t forecast_at(std::int64_t spent_nano, const char* at, const char* month = "2026-11") {
  return forecast(spent_nano, month, *parse_time(at), kThreeDays);
}

TEST(Forecast, IsThePaceOfTheMonthSoFar) {
  EXPECT_EQ(forecast_at(60 * kDollar, "2026-11-04"), 600 * kDollar);  // 3 of 30 days
  EXPECT_EQ(forecast_at(60 * kDollar, "2026-11-16"), 120 * kDollar);
  EXPECT_EQ(forecast_at(31 * kDollar, "2026-12-06", "2026-12"), 31 * kDollar * 31 / 5);
  EXPECT_EQ(forecast_at(1, "2026-11-30T23:59:59.999999Z"), 1);
}

TEST(Forecast, SaysNothingAtTheBeginningAndNothingAfterTheEnd) {
  for (const char* at : {"2026-10-31T23:59:59Z", "2026-11-01", "2026-11-03T23:59:59.999999Z",
                         "2026-12-01", "2027-11-10"}) {
    EXPECT_EQ(forecast_at(60 * kDollar, at), 60 * kDollar) << at;
  }
}

TEST(Forecast, MonthsHaveTheirOwnLengths) {
  EXPECT_EQ(forecast_at(14 * kDollar, "2026-02-15", "2026-02"), 28 * kDollar);
  EXPECT_EQ(forecast_at(14 * kDollar, "2028-02-15", "2028-02"), 29 * kDollar);  // a leap year
  EXPECT_EQ(forecast_at(30 * kDollar, "2026-12-31", "2026-12"), 31 * kDollar);
}

TEST(Forecast, IsNeverBelowTheActualAndNeverOverflows) {
  Prng prng(5);
  for (int n = 0; n < 10'000; ++n) {
    const std::int64_t spent_nano = prng.between(1, std::int64_t{1} << prng.between(1, 62));
    const StoreTime at =
        *parse_time("2026-11-01") + microseconds(prng.between(0, hours(24 * 30).us));
    ASSERT_GE(forecast(spent_nano, "2026-11", at, kThreeDays), spent_nano);
  }
  EXPECT_EQ(forecast_at(kMost, "2026-11-05"), kMost);
}

TEST(Budget, TheDefaultWarnsByForecastAndAlertsByActual) {
  const Budget budget;
  const auto kinds = [&](std::int64_t dollars, const char* at) {
    std::vector<std::string> keys;
    for (const auto& alert : alerts_of(budget, "2026-11", dollars * kDollar, at)) {
      keys.push_back(alert.dedup_key);
    }
    return keys;
  };
  const std::vector<std::string> warned = {"budget:monthly:forecast:80"};
  const std::vector<std::string> both = {"budget:monthly:forecast:80", "budget:monthly:actual:100"};
  EXPECT_TRUE(kinds(39, "2026-11-04").empty());
  EXPECT_EQ(kinds(40, "2026-11-04"), warned);     // USD 400 by its end
  EXPECT_TRUE(kinds(399, "2026-11-02").empty());  // too early
  EXPECT_EQ(kinds(400, "2026-11-02"), warned);    // but spent is spent
  EXPECT_EQ(kinds(499, "2026-11-30"), warned);
  EXPECT_EQ(kinds(500, "2026-11-30"), both);
}

// A cost that comes late does not make the month younger than it is.
TEST(Budget, WhatHasPassedIsByTheNewestTimeKnown) {
  const std::vector<ProviderTotal> totals = {{"x", 60 * kDollar}};
  const StoreTime early = *parse_time("2026-11-04");
  EXPECT_EQ(budget_alerts({Budget{}}, {"2026-11", totals, early, {}}).size(), 1U);
  EXPECT_EQ(budget_alerts({Budget{}}, {"2026-11", totals, early, *parse_time("2026-11-20")}).size(),
            0U);
}

TEST(Budget, ThresholdsAreRead) {
  EXPECT_EQ(parse_threshold("80% forecast")->basis, Basis::kForecast);
  EXPECT_EQ(parse_threshold("80% forecast")->percent, 80U);
  EXPECT_EQ(parse_threshold("1000% actual")->percent, 1000U);
  for (const char* wrong : {"", "80%", "80% soon", "0% actual", "1001% actual", "% actual",
                            "x% forecast", "80% forecast "}) {
    EXPECT_FALSE(parse_threshold(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace sluice::auditor
