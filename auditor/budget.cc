#include "auditor/budget.h"

#include <algorithm>

#include "auditor/alerts.h"
#include "auditor/forecast.h"
#include "lib/base/money.h"
#include "lib/digest/uuid.h"

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
  std::int64_t forecast_nano = 0;
};

wire::Alert alert_for(const Crossing& crossing, const MonthSpent& month) {
  const auto& [budget, threshold, spent_nano, forecast_nano] = crossing;
  const bool forecasts = threshold.basis == Basis::kForecast;
  const std::string percent = std::to_string(threshold.percent);
  wire::Alert alert;
  alert.dedup_key = "budget:" + budget.name + (forecasts ? ":forecast:" : ":actual:") + percent;
  alert.period = month.month;
  alert.alert_id = alert_id_of(alert.dedup_key, alert.period);
  const bool over = !forecasts && threshold.percent >= 100;
  alert.severity = over ? wire::Severity::kCritical : wire::Severity::kWarning;
  alert.kind = "budget";
  alert.title = "budget " + budget.name + " of " + alert.period + ": " + percent +
                (forecasts ? " % forecast" : " % spent");
  alert.text = "USD " + format_dollars(spent_nano, 2) + " of USD " +
               format_dollars(budget.amount_nano, 2) + " were spent in " + alert.period + ".";
  if (forecasts) {
    alert.text += " At this pace it will be about USD " +
                  format_dollars(forecast_nano / kNanoPerDollar * kNanoPerDollar) +
                  " by the end of the month.";
  }
  alert.at = month.at;
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

std::vector<wire::Alert> budget_alerts(const std::vector<Budget>& budgets,
                                       const MonthSpent& month) {
  std::vector<wire::Alert> alerts;
  for (const Budget& budget : budgets) {
    const std::int64_t spent_nano = spent(budget, month.totals);
    const std::int64_t forecast_nano =
        forecast(spent_nano, month.month, std::max(month.at, month.now), budget.forecast_from);
    for (const Threshold& threshold : budget.thresholds) {
      const bool forecasts = threshold.basis == Basis::kForecast;
      const std::int64_t reached = forecasts ? forecast_nano : spent_nano;
      if (reached >= amount_at(budget, threshold.percent) && spent_nano > 0) {
        alerts.push_back(alert_for({budget, threshold, spent_nano, forecast_nano}, month));
      }
    }
  }
  return alerts;
}

}  // namespace sluice::auditor
