#include "auditor/holds.h"

#include <string_view>

#include "auditor/alerts.h"
#include "lib/base/calendar.h"
#include "lib/digest/uuid.h"

namespace sluice::auditor {
namespace {

constexpr std::string_view kAbnormal = "abnormal_usage";  // reasons, in the limiter's words
constexpr std::string_view kPenalty = "penalty";

std::string whose(const HoldSeen& hold) {
  return hold.key.empty() ? "upstream " + hold.upstream
                          : "key " + hold.key + " (its name in the trail) of " + hold.upstream;
}

wire::Alert alert_about(const HoldSeen& hold, const char* kind, std::string period) {
  wire::Alert alert;
  alert.kind = kind;
  alert.dedup_key = alert.kind + ":" + hold.upstream + ":" + (hold.key.empty() ? "all" : hold.key);
  alert.period = std::move(period);
  alert.alert_id = alert_id_of(alert.dedup_key, alert.period);
  alert.at = hold.at;
  alert.labels = {{"upstream", hold.upstream}};
  if (!hold.key.empty()) alert.labels.push_back({"key", hold.key});
  return alert;
}

}  // namespace

std::optional<HoldSeen> hold_of(const wire::Record& record, const RecordLine& line) {
  if (record.kind != wire::RecordKind::kHold) return {};
  return HoldSeen{record.upstream, line.key, record.reason, record.at, record.until, line.n};
}

std::optional<HoldSeen> hold_of(const Line& line) {
  if (line.type != "hold") return {};
  return HoldSeen{std::string(line.text("upstream")),
                  std::string(line.text("key")),
                  std::string(line.text("reason")),
                  line.at,
                  {line.number("until")},
                  line.n};
}

std::optional<wire::Alert> hold_alert(const HoldSeen& hold, Duration long_penalty) {
  const std::string where =
      " Line " + std::to_string(hold.line) + " of the trail. See docs/runbooks/alerts.md.";
  if (hold.reason == kAbnormal) {
    // Limiter and store each say it of one stop. After somebody resumed it, the next is news.
    const std::string minute =
        timestamp_of(hold.at).substr(0, std::string("2026-11-21T02:24").size());
    wire::Alert alert = alert_about(hold, "abnormal_usage", minute);
    alert.severity = wire::Severity::kCritical;
    alert.title = hold.upstream + " speaks of abnormal usage";
    alert.text = "An answer was one of those that `abnormal` lists: " + whose(hold) +
                 " is stopped until somebody resumes it." + where;
    return alert;
  }
  if (hold.reason != kPenalty || hold.until.us == 0 || hold.until - hold.at <= long_penalty) {
    return {};
  }
  wire::Alert alert = alert_about(hold, "long_penalty", hour_of(hold.at));
  alert.severity = wire::Severity::kWarning;
  alert.title = hold.upstream + " closes a key for long";
  alert.text = "By its answer nothing of " + whose(hold) + " goes before " +
               timestamp_of(hold.until) + ", more than " + seconds_text(long_penalty) +
               " after it came." + where;
  return alert;
}

}  // namespace sluice::auditor
