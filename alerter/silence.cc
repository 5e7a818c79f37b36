#include "alerter/silence.h"

#include <algorithm>
#include <string>

#include "lib/base/calendar.h"
#include "lib/digest/digest.h"

namespace sluice::alerter {
namespace {

// A UUID version 5 (RFC 9562) in the same namespace as the auditor's alerts.
std::string id_of(const std::string& dedup_key, const std::string& period) {
  constexpr std::string_view kAlerts =
      "\x9e\x1c\x4f\x6a\x52\xb3\x4d\x0e\x8c\x7a\x3f\x5b\x6d\x2e\x1a\x90";
  auto digest = sha1(std::string(kAlerts) + dedup_key + "\n" + period);
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0fU) | 0x50U);
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3fU) | 0x80U);
  std::string text = to_hex(std::string(digest.begin(), digest.begin() + 16));
  for (const std::size_t at : {20UL, 16UL, 12UL, 8UL}) text.insert(at, 1, '-');
  return text;
}

}  // namespace

wire::Alert silence_alert(StoreTime now, Duration silent_for, std::uint64_t cursor) {
  wire::Alert alert;
  alert.cursor = std::max<std::uint64_t>(cursor, 1);
  alert.kind = alert.dedup_key = "auditor_silent";
  alert.period = hour_of(now);
  alert.alert_id = id_of(alert.dedup_key, alert.period);
  alert.severity = wire::Severity::kCritical;
  alert.title = "the auditor is silent";
  alert.text = "The alerter has not heard from it for " +
               std::to_string(silent_for.us / 1'000'000) +
               " s: nothing is recorded, and no alert is raised. See docs/runbooks/alerts.md.";
  alert.at = now;
  return alert;
}

}  // namespace sluice::alerter
