#include "auditor/alerts.h"

#include "lib/base/calendar.h"
#include "lib/digest/uuid.h"

namespace sluice::auditor {
namespace {

std::string what_was_exceeded(const Violation& violation) {
  const std::string whose =
      violation.key.empty() ? "all keys" : "key " + violation.key + " (its name in the trail)";
  std::string text = std::to_string(violation.attempts) + " attempts of " + whose;
  if (violation.units != violation.attempts) {
    text += ", " + std::to_string(violation.units) + " units,";
  }
  if (violation.window.us == 0) {
    return text + " were open at the same time, at " + timestamp_of(violation.last_completed) +
           " the last; at most " + std::to_string(violation.n) + " may be.";
  }
  return text + " between " + timestamp_of(violation.first_granted) + " and " +
         timestamp_of(violation.last_completed) + "; at most " + std::to_string(violation.n) +
         " in " + seconds_text(violation.window) + " are allowed.";
}

}  // namespace

std::string seconds_text(Duration span) {
  std::string text = std::to_string(span.us / 1'000'000);
  const std::int64_t rest = span.us % 1'000'000;
  if (rest != 0) text += "." + std::to_string(1'000'000 + rest).substr(1);
  return text + " s";
}

wire::Alert violation_alert(const Violation& violation) {
  wire::Alert alert;
  alert.dedup_key = "violation:" + violation.upstream + "/" + violation.limit + ":" +
                    (violation.key.empty() ? "all" : violation.key);
  alert.period = hour_of(violation.last_completed);
  alert.alert_id = alert_id_of(alert.dedup_key, alert.period);
  alert.severity = wire::Severity::kCritical;
  alert.kind = "violation";
  alert.title = "limit " + violation.limit + " of " + violation.upstream + " was exceeded";
  alert.text = what_was_exceeded(violation) + " The last one recorded is line " +
               std::to_string(violation.last_line) + " of the trail. See docs/runbooks/alerts.md.";
  alert.at = violation.last_completed;
  alert.labels = {{"upstream", violation.upstream}, {"limit", violation.limit}};
  if (!violation.key.empty()) alert.labels.push_back({"key", violation.key});
  return alert;
}

}  // namespace sluice::auditor
