#include "auditor/holds.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "auditor/alerts.h"
#include "lib/base/calendar.h"
#include "lib/digest/uuid.h"
#include "lib/wire/closure_words.h"
#include "lib/wire/words.h"

namespace sluice::auditor {
namespace {

constexpr std::string_view kAbnormal = "abnormal_usage";  // reasons, in the limiter's words
constexpr std::string_view kPenalty = "penalty";

// The minute, for what is said by several of one event: after somebody resumed it, the next is
// news.
std::string minute_of(const HoldSeen& hold) {
  return timestamp_of(hold.at).substr(0, std::string("2026-11-21T02:24").size());
}

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

struct ClosureWhy {
  std::string_view word;
  wire::Severity severity;
  std::string_view meaning;
};
constexpr std::array kClosures{
    ClosureWhy{"first", wire::Severity::kWarning,
               "the store did not know it, and nobody said that it is new"},
    ClosureWhy{"life", wire::Severity::kCritical, "its server may have forgotten what went"},
    ClosureWhy{"clock_back", wire::Severity::kCritical, "its server's clock went back"},
    ClosureWhy{"clock_contradicts", wire::Severity::kCritical,
               "its server's clock contradicts itself"},
    ClosureWhy{"spans", wire::Severity::kWarning,
               "attempts that it forgot may take longer than it knew"}};

// Of each closure, which its line's time names.
wire::Alert closure_alert(const HoldSeen& hold, std::string_view word, const std::string& where) {
  const auto why = std::find_if(kClosures.begin(), kClosures.end(),
                                [&](const ClosureWhy& one) { return one.word == word; });
  wire::Alert alert = alert_about(hold, "closure", timestamp_of(hold.at));
  alert.dedup_key += ":" + std::string(word);
  alert.alert_id = alert_id_of(alert.dedup_key, alert.period);
  alert.labels.push_back({"why", std::string(word)});
  const bool known = why != kClosures.end();
  alert.severity = known ? why->severity : wire::Severity::kCritical;
  alert.title = "the store closed " + hold.upstream;
  alert.text = "Nothing of " + hold.upstream + " goes before " + timestamp_of(hold.until) + ": " +
               std::string(known ? why->meaning : word) + "." + where;
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
  if (hold.reason.starts_with(wire::kClosureSays)) {
    return closure_alert(hold, std::string_view(hold.reason).substr(wire::kClosureSays.size()),
                         where);
  }
  if (hold.reason == kAbnormal) {
    wire::Alert alert = alert_about(hold, "abnormal_usage", minute_of(hold));
    alert.severity = wire::Severity::kCritical;
    alert.title = hold.upstream + " speaks of abnormal usage";
    alert.text = "An answer was one of those that `abnormal` lists: " + whose(hold) +
                 " is stopped until somebody resumes it." + where;
    return alert;
  }
  if (hold.reason == wire::kDeadMessage) {
    wire::Alert alert = alert_about(hold, "dead_stop", minute_of(hold));
    alert.severity = wire::Severity::kCritical;
    alert.title = "a dead message has stopped a key of " + hold.upstream;
    alert.text = "It came from a queue whose `on_dead` is \"stop\": nothing more of " +
                 whose(hold) + " goes until somebody resumes it." + where;
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
