// Budgets: how much may be spent in a period, and which shares of it are worth an alert. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/ledger_port.h"

namespace sluice::auditor {

// kActual: what was booked. A forecast will be another basis, with the same table.
enum class Basis : std::uint8_t { kActual };

struct Threshold {
  Basis basis = Basis::kActual;
  std::uint32_t percent = 100;
};

// A budget of one month, UTC. No providers: all of them.
struct Budget {
  std::string name = "monthly";
  std::int64_t amount_nano = 500'000'000'000;  // USD 500
  std::vector<std::string> providers;
  std::vector<Threshold> thresholds = {{}};
};

// What was spent of the budget, by these totals of its month. Stops at the greatest number.
std::int64_t spent(const Budget& budget, const std::vector<ProviderTotal>& totals);

// The alerts that the totals of this month call for, each with the same id as long as budget name,
// threshold and month are the same. `at`: when; they have no line yet (cursor 0).
std::vector<wire::Alert> budget_alerts(const std::vector<Budget>& budgets, std::string_view month,
                                       const std::vector<ProviderTotal>& totals, StoreTime at);

}  // namespace sluice::auditor
