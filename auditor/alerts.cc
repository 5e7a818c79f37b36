#include "auditor/alerts.h"

#include "lib/base/calendar.h"
#include "lib/base/check.h"
#include "lib/digest/digest.h"

namespace sluice::auditor {
namespace {

// The namespace of Sluice's alerts: 9e1c4f6a-52b3-4d0e-8c7a-3f5b6d2e1a90.
constexpr std::string_view kAlerts =
    "\x9e\x1c\x4f\x6a\x52\xb3\x4d\x0e\x8c\x7a\x3f\x5b\x6d\x2e\x1a\x90";

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

std::string uuid_v5(std::string_view name_space, std::string_view name) {
  CHECK(name_space.size() == 16);
  auto digest = sha1(std::string(name_space) + std::string(name));
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0fU) | 0x50U);
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3fU) | 0x80U);
  std::string text = to_hex(std::string(digest.begin(), digest.begin() + 16));
  for (const std::size_t at : {20UL, 16UL, 12UL, 8UL}) text.insert(at, 1, '-');
  return text;
}

std::string alert_id_of(std::string_view dedup_key, std::string_view period) {
  std::string name(dedup_key);
  name.push_back('\n');
  name.append(period);
  return uuid_v5(kAlerts, name);
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
