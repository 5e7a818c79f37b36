#include "auditor/figures.h"

#include <utility>

#include "auditor/alerts.h"
#include "lib/base/calendar.h"
#include "lib/digest/uuid.h"

namespace sluice::auditor {
namespace {

// Limits are edited at limiter and auditor one after the other: so long neither is wrong.
constexpr Duration kEditTakes = minutes(1);

std::string percent(std::uint64_t part, std::uint64_t all) {
  const std::uint64_t hundredths = all == 0 ? 0 : part * 10'000 / all;
  const std::string rest = std::to_string(100 + hundredths % 100).substr(1);
  return std::to_string(hundredths / 100) + "." + rest + " %";
}

wire::Alert alert_of(const char* kind, wire::Severity severity, std::string title,
                     std::string text) {
  wire::Alert alert;
  alert.kind = alert.dedup_key = kind;
  alert.severity = severity;
  alert.title = std::move(title);
  alert.text = std::move(text) + " See docs/runbooks/alerts.md.";
  return alert;
}

}  // namespace

bool Figures::is_raised(std::string_view kind, StoreTime at) const {
  const auto last = raised_.find(kind);
  return at.us == 0 || (last != raised_.end() && last->second == hour_of(at));
}

void Figures::raise(wire::Alert alert, StoreTime at, Alerts& alerts) {
  alert.at = at;
  alert.period = hour_of(at);
  alert.alert_id = alert_id_of(alert.dedup_key, alert.period);
  raised_[alert.kind] = alert.period;
  alerts.push_back(std::move(alert));
}

void Figures::see(const wire::Record& record, Instant now, Alerts& alerts) {
  time_.hear(record.at, now);
  if (record.settlement != 0) {
    dead_.add(record.at, static_cast<wire::Settlement>(record.settlement));
    const std::uint64_t all = dead_.all();
    if (all >= bounds_.dead_from && dead_.dead() * 1'000'000 >= all * bounds_.dead_millionths &&
        dead_.dead() > 0 && !is_raised("dead_share", record.at)) {
      raise(
          alert_of("dead_share", wire::Severity::kCritical, "too many messages end dead",
                   std::to_string(dead_.dead()) + " of the last " + std::to_string(all) +
                       " messages that ended are dead letters (" + percent(dead_.dead(), all) +
                       "); less than " + percent(bounds_.dead_millionths, 1'000'000) +
                       " may be. Their reasons are in the trail: sluice-auditor show --since 1h."),
          record.at, alerts);
    }
  }
  const bool started = record.kind == wire::RecordKind::kAttempt && record.started_at.us > 0;
  if (!started || record.could_go_at.us == 0) return;
  delays_.add(record.at, record.started_at - record.could_go_at);
  if (delays_.all() >= bounds_.start_delay_from && delays_.slow() * 100 > delays_.all() &&
      !is_raised("start_delay", record.at)) {
    raise(
        alert_of("start_delay", wire::Severity::kWarning, "messages that could go start late",
                 std::to_string(delays_.slow()) + " of the last " + std::to_string(delays_.all()) +
                     " attempts (" + percent(delays_.slow(), delays_.all()) + ") started " +
                     seconds_text(bounds_.start_delay) +
                     " or more after nothing but Sluice kept them; 1 % may. p99 is " +
                     seconds_text(delays_.quantile(990'000)) +
                     ". Look at the CPU and the disks of limiter, auditor and dispatcher."),
        record.at, alerts);
  }
}

Duration Figures::held(Instant now) const {
  const StoreTime since = backlogs_.held_since();
  const StoreTime at = time_.at_least(now);
  return since.us == 0 || at < since ? Duration{} : at - since;
}

void Figures::hear(wire::PeerId from, const wire::Backlog& said, Instant now, Alerts& alerts) {
  backlogs_.hear(from, said);
  time_.hear(said.held_since, now);
  const StoreTime at = time_.at_least(now);
  if (held(now) > bounds_.held && !is_raised("held", at)) {
    raise(alert_of("held", wire::Severity::kCritical, "a message waits for Sluice itself",
                   "It could go since " + timestamp_of(backlogs_.held_since()) + ", more than " +
                       seconds_text(bounds_.held) + " ago, and nothing but Sluice keeps it; " +
                       std::to_string(backlogs_.waiting()) +
                       " messages wait in all. Look whether limiter, dispatcher and store run: "
                       "/readyz of each."),
          at, alerts);
  }
  if (backlogs_.dead() > bounds_.dead_letters && !is_raised("dead_letters", at)) {
    raise(alert_of("dead_letters", wire::Severity::kWarning, "dead letters lie",
                   std::to_string(backlogs_.dead()) + " dead letters wait for somebody, " +
                       std::to_string(bounds_.dead_letters) +
                       " may. Look at their reasons, then replay or purge them."),
          at, alerts);
  }
}

void Figures::unwatched(StoreTime granted, Alerts& alerts) {
  if (unwatched_since_.us == 0 || granted > unwatched_since_ + hours(1)) {
    unwatched_since_ = granted;
  }
  if (granted < unwatched_since_ + kEditTakes || is_raised("unwatched", granted)) return;
  raise(alert_of("unwatched", wire::Severity::kWarning, "limits are not watched",
                 "Attempts are granted under limits that the auditor does not know, since " +
                     timestamp_of(unwatched_since_) +
                     ": limiter and auditor have read different settings. Send both SIGHUP, or "
                     "start them with the same file."),
        granted, alerts);
}

void Figures::uncopied(std::uint64_t segments, StoreTime since, StoreTime wall, Alerts& alerts) {
  if (wall - since <= bounds_.uncopied || is_raised("uncopied", wall)) return;
  raise(alert_of("uncopied", wire::Severity::kWarning, "the trail is not copied to S3",
                 std::to_string(segments) + " sealed segments have no copy, the oldest since " +
                     timestamp_of(since) +
                     ". They are safe on the auditor's disk, and nowhere "
                     "else: its log says what S3 answers."),
        wall, alerts);
}

}  // namespace sluice::auditor
