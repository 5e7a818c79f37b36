// What the alerter decides by itself: who gets an alert, when the auditor is silent, and the
// heartbeat that tells somebody outside that both are alive.
#include <utility>

#include "alerter/core.h"
#include "alerter/routing.h"
#include "alerter/silence.h"

namespace sluice::alerter {
namespace {

constexpr Duration kSilenceOfBeats = minutes(1);

}  // namespace

// Where its silence is no alert it stops the heartbeat all the same.
bool AlerterCore::auditor_is_heard(Instant now) const {
  const bool is_told = config_.silence_max.us != 0;
  return now < heard_at_ + (is_told ? config_.silence_max : kSilenceOfBeats);
}

// Each alert with the sinks that take it; with none when it says again what was said lately.
StatePut AlerterCore::put_of(std::vector<wire::Alert> alerts, std::uint64_t cursor, Out& out) {
  StatePut put;
  put.cursor = cursor;
  for (const wire::Alert& alert : alerts) {
    const Spoken spoken = repeats_.judge(alert, put.spoken);
    put.spoken.push_back(spoken);
    if (spoken.said != alert.at) {
      ++counts_.quiet;
      put.sinks.emplace_back();
      continue;
    }
    put.sinks.push_back(route(config_.sinks, alert));
    if (!put.sinks.back().empty()) continue;
    ++counts_.unrouted;
    out.push(Note{"no sink takes this alert", alert.alert_id, {}});
  }
  put.alerts = std::move(alerts);
  return put;
}

// It is put like any other alert, so that it is delivered at least once to each sink.
void AlerterCore::hear_time(StoreTime wall, Instant now, Out& out) {
  if (!open_ || config_.silence_max.us == 0 || auditor_is_heard(now)) return;
  if (follow_ == Follow::kPutting) return;
  if (silent_since_.us == 0) silent_since_ = wall - (now - heard_at_);
  wire::Alert alert = silence_alert({wall, silent_since_, cursor_});
  if (alert.period == silent_in_) return;
  follow_ = Follow::kPutting;
  ask(put_of({std::move(alert)}, cursor_, out), now, out);
}

// Not while the auditor is silent, nor while nothing can be kept: whoever waits for the beat is to
// notice that, too.
void AlerterCore::beat(Instant now, Out& out) {
  if (!config_.beats || now < beat_at_) return;
  beat_at_ = now + config_.beat_interval;
  if (!ready() || !auditor_is_heard(now)) return;
  ++counts_.beats;
  out.push(Beat{});
}

}  // namespace sluice::alerter
