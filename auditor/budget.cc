#include "auditor/budget.h"

#include <algorithm>

#include "auditor/alerts.h"
#include "lib/base/money.h"

namespace sluice::auditor {
namespace {

// The least amount that is `percent` of the budget or more; exact, without overflow up to
// USD 90 million and 1,000 %.
std::int64_t amount_at(const Budget& budget, std::uint32_t percent) {
  const std::int64_t share = budget.amount_nano % 100 * percent;
  return budget.amount_nano / 100 * percent + share / 100 + (share % 100 != 0 ? 1 : 0);
}

struct Crossing {
  const Budget& budget;
  Threshold threshold;
  std::int64_t spent_nano = 0;
};

wire::Alert alert_for(const Crossing& crossing, std::string_view month, StoreTime at) {
  const auto& [budget, threshold, spent_nano] = crossing;
  const std::string percent = std::to_string(threshold.percent);
  wire::Alert alert;
  alert.dedup_key = "budget:" + budget.name + ":actual:" + percent;
  alert.period = month;
  alert.alert_id = alert_id_of(alert.dedup_key, alert.period);
  alert.severity = threshold.percent >= 100 ? wire::Severity::kCritical : wire::Severity::kWarning;
  alert.kind = "budget";
  alert.title = "budget " + budget.name + " of " + alert.period + ": " + percent + " % spent";
  alert.text = "USD " + format_dollars(spent_nano, 2) + " of USD " +
               format_dollars(budget.amount_nano, 2) + " were spent in " + alert.period + ".";
  alert.at = at;
  alert.labels = {{"budget", budget.name}};
  return alert;
}

}  // namespace

std::int64_t spent(const Budget& budget, const std::vector<ProviderTotal>& totals) {
  std::int64_t sum = 0;
  for (const ProviderTotal& total : totals) {
    const auto& only = budget.providers;
    if (only.empty() || std::find(only.begin(), only.end(), total.provider) != only.end()) {
      sum = add_capped(sum, total.amount_nano);
    }
  }
  return sum;
}

std::vector<wire::Alert> budget_alerts(const std::vector<Budget>& budgets, std::string_view month,
                                       const std::vector<ProviderTotal>& totals, StoreTime at) {
  std::vector<wire::Alert> alerts;
  for (const Budget& budget : budgets) {
    const std::int64_t spent_nano = spent(budget, totals);
    for (const Threshold& threshold : budget.thresholds) {
      if (spent_nano >= amount_at(budget, threshold.percent) && spent_nano > 0) {
        alerts.push_back(alert_for({budget, threshold, spent_nano}, month, at));
      }
    }
  }
  return alerts;
}

}  // namespace sluice::auditor
