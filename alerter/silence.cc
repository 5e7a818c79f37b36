#include "alerter/silence.h"

#include <algorithm>
#include <string>

#include "lib/base/calendar.h"
#include "lib/digest/uuid.h"

namespace sluice::alerter {
wire::Alert silence_alert(const Silence& silence) {
  wire::Alert alert;
  alert.cursor = std::max<std::uint64_t>(silence.cursor, 1);
  alert.kind = alert.dedup_key = kAuditorSilent;
  alert.period = hour_of(silence.now);
  alert.alert_id = alert_id_of(alert.dedup_key, alert.period + "/" + timestamp_of(silence.since));
  alert.severity = wire::Severity::kCritical;
  alert.title = "the auditor is silent";
  alert.text = "The alerter has not heard from it for " +
               std::to_string((silence.now - silence.since).us / 1'000'000) +
               " s: nothing is recorded, and no alert is raised. See docs/runbooks/alerts.md.";
  alert.at = silence.now;
  return alert;
}

}  // namespace sluice::alerter
