// Budgets: how much may be spent in a period, and which shares of it are worth an alert. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/ledger_port.h"

namespace sluice::auditor {

// kActual: what was booked. kForecast: what it will be by the end of the month (forecast.h).
enum class Basis : std::uint8_t { kActual, kForecast };

struct Threshold {
  Basis basis = Basis::kActual;
  std::uint32_t percent = 100;
};

// A budget of one month, UTC. No providers: all of them.
struct Budget {
  std::string name = "monthly";
  std::int64_t amount_nano = 500'000'000'000;  // USD 500
  std::vector<std::string> providers;
  std::vector<Threshold> thresholds = {{Basis::kForecast, 80}, {Basis::kActual, 100}};
  Duration forecast_from = hours(24 * 3);  // of the month; before it a forecast says nothing
};

// What was spent of the budget, by these totals of its month. Stops at the greatest number.
std::int64_t spent(const Budget& budget, const std::vector<ProviderTotal>& totals);

// A month, UTC, and what was spent in it.
struct MonthSpent {
  std::string_view month;
  const std::vector<ProviderTotal>& totals;
  StoreTime at;   // of the newest cost in it that was just booked
  StoreTime now;  // at least; what of the month has passed
};

// The alerts that this month calls for, each with the same id as long as budget name, threshold and
// month are the same. They have no line yet (cursor 0).
std::vector<wire::Alert> budget_alerts(const std::vector<Budget>& budgets, const MonthSpent& spent);

}  // namespace sluice::auditor
