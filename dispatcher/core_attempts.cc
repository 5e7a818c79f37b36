// What DispatcherCore does with attempts, from a dispatch to Completed.
#include <algorithm>
#include <iterator>

#include "dispatcher/core.h"
#include "dispatcher/retry_after.h"
#include "dispatcher/status_table.h"
#include "lib/base/mark.h"

namespace sluice::dispatcher {

namespace {

constexpr Duration kLookAgain = milliseconds(10);

std::size_t index(wire::Ended ended) { return static_cast<std::size_t>(ended); }
std::size_t index(wire::NotStarted why) { return static_cast<std::size_t>(why); }

wire::Outcome outcome_for(const wire::Attempt& attempt, const std::string& upstream,
                          const std::string& key) {
  wire::Outcome outcome;
  outcome.attempt = attempt;
  outcome.upstream = upstream;
  outcome.key = key;
  return outcome;
}

wire::Outcome not_started(const wire::Attempt& attempt, const std::string& upstream,
                          const std::string& key, wire::NotStarted why) {
  wire::Outcome outcome = outcome_for(attempt, upstream, key);
  outcome.ended = wire::Ended::kNotStarted;
  outcome.not_started = why;
  return outcome;
}

// Nothing when bytes may have left.
std::optional<wire::NotStarted> why_not_sent(HttpEnd end) {
  switch (end) {
    case HttpEnd::kNotConnected:
    case HttpEnd::kNoCredential:
      return wire::NotStarted::kConnect;
    case HttpEnd::kLane:
      return wire::NotStarted::kLane;
    case HttpEnd::kDenied:
      return wire::NotStarted::kTooLate;
    case HttpEnd::kAnswered:
    case HttpEnd::kUnknown:
      break;
  }
  return std::nullopt;
}

}  // namespace

// ---- from a dispatch to its start ------------------------------------------------------------

void DispatcherCore::on(wire::PeerId from, const wire::Dispatch& dispatch, Instant now,
                        Outbox<Effect>& out) {
  const std::uint64_t life = limiters_.at(from).life;
  Entry* known = table_.find(dispatch.attempt);
  const auto done = table_.completed(dispatch.attempt);
  if (known != nullptr || done) {
    MARK("dispatcher: an attempt is dispatched a second time");
    ++counts_.duplicates;
  }
  if (done) {
    out.push(
        wire::Send{from, remembered(dispatch.attempt, *done, dispatch.upstream, dispatch.key)});
    return;
  }
  if (known != nullptr) {
    if (known->state == AttemptState::kEnded) {
      out.push(wire::Send{from, known->open->outcome});
    } else if (known->open->owner_life != life) {
      known->open->asker = from;
    }
    return;
  }
  const wire::NotStarted why = why_not(dispatch, life, now);
  if (room_in_table(dispatch.upstream) == 0) {
    MARK("dispatcher: its table is full");
    // Not remembered: an heir that asks is told "never seen", which is as true.
    ++counts_.ended[index(wire::Ended::kNotStarted)];
    ++counts_.not_started[index(wire::NotStarted::kFull)];
    out.push(wire::Send{from, not_started(dispatch.attempt, dispatch.upstream, dispatch.key,
                                          wire::NotStarted::kFull)});
    return;
  }
  OpenAttempt open;
  open.upstream = dispatch.upstream;
  open.key = dispatch.key;
  open.owner_life = life;
  open.granted_at = dispatch.granted_at;
  open.start_by = dispatch.start_by;
  open.deadline = dispatch.deadline;
  open.due = now + kLookAgain;
  if (why == wire::NotStarted::kNone) open.dispatch = dispatch;
  Entry& entry = table_.enter(dispatch.attempt, std::move(open), dispatch.lease_end);
  if (why != wire::NotStarted::kNone) return refuse(entry, why, now, out);
  start_queued(dispatch.upstream, now, out);
}

wire::NotStarted DispatcherCore::why_not(const wire::Dispatch& dispatch, std::uint64_t life,
                                         Instant now) const {
  const auto line = lines_.find(dispatch.upstream);
  if (line == lines_.end()) return wire::NotStarted::kFull;  // settings differ: it waits
  if (draining_) {
    MARK("dispatcher: a dispatch while it drains");
    return wire::NotStarted::kDraining;
  }
  if (closures_.closed(dispatch.upstream, dispatch.key, now, low(now))) {
    MARK("dispatcher: a dispatch of a closed key");
    return wire::NotStarted::kRecalled;
  }
  // Shares of several limiters are made of one in_flight. While they change, both the old and the
  // new ones are taken; what cannot run at once waits until its start_by.
  const std::size_t in_flight = line->second.upstream->in_flight;
  if (!line->second.breaker.may_try(now) || table_.open_of(life, dispatch.upstream) >= in_flight ||
      table_.in_upstream(dispatch.upstream).open() >= 2 * in_flight) {
    MARK("dispatcher: a dispatch without room");
    return wire::NotStarted::kFull;
  }
  if (!surely_before(dispatch.start_by, now)) {
    MARK("dispatcher: a dispatch comes too late");
    return wire::NotStarted::kTooLate;
  }
  return wire::NotStarted::kNone;
}

void DispatcherCore::start_queued(const std::string& upstream, Instant now, Outbox<Effect>& out) {
  Line* line = this->line(upstream);
  const auto& queue = table_.queued(upstream);
  while (line != nullptr && !queue.empty() &&
         table_.in_upstream(upstream).running < line->upstream->in_flight) {
    Entry& first = *queue.begin()->second;
    if (closed(*first.open, now)) {
      MARK("dispatcher: a queued attempt of a key that was closed");
      refuse(first, wire::NotStarted::kRecalled, now, out);
    } else if (!line->breaker.may_try(now)) {
      MARK("dispatcher: a queued attempt meets an open breaker");
      refuse(first, wire::NotStarted::kFull, now, out);
    } else if (!surely_before(first.open->start_by, now)) {
      MARK("dispatcher: a queued attempt has waited too long");
      refuse(first, wire::NotStarted::kTooLate, now, out);
    } else {
      start(first, *line, now, out);
    }
  }
}

void DispatcherCore::start(Entry& entry, Line& line, Instant now, Outbox<Effect>& out) {
  const Upstream& upstream = *line.upstream;
  entry.open->trial = line.breaker.tried(now);
  wire::Dispatch& dispatch = entry.open->dispatch;
  StartHttp call;
  call.attempt = entry.attempt;
  call.upstream = dispatch.upstream;
  call.key = dispatch.key;
  call.request = std::move(dispatch.request);
  call.idempotency_key = std::move(dispatch.idempotency_key);
  call.traceparent = std::move(dispatch.traceparent);
  call.at = clock_.bounds(now)->high;
  const Duration longest = upstream.connect_timeout + upstream.timeout;
  const Duration left = surely_left(entry.open->deadline, longest, now);
  table_.run(entry, now + std::max(Duration{}, left) + config_.give_up_grace);
  out.push(std::move(call));
}

std::optional<Duration> DispatcherCore::may_start(const wire::Attempt& attempt, Instant now) const {
  const Entry* entry = table_.find(attempt);
  if (entry == nullptr || entry->state != AttemptState::kRunning) return std::nullopt;
  const OpenAttempt& open = *entry->open;
  if (open.recalled || !surely_before(open.start_by, now) || closed(open, now)) return std::nullopt;
  const Duration timeout = lines_.at(open.upstream).upstream->timeout;
  const Duration left = surely_left(open.deadline, timeout, now);
  if (left < timeout) MARK("dispatcher: an attempt has less time than its timeout");
  if (left <= Duration{}) return std::nullopt;
  return left;
}

void DispatcherCore::on(wire::PeerId, const wire::Recall& recall, Instant now,
                        Outbox<Effect>& out) {
  closures_.recall(recall.upstream, recall.key, recall.until, low(now));
  for (Entry* entry : table_.running_of(recall.upstream, recall.key)) {
    MARK("dispatcher: an attempt is recalled that is being started");
    entry->open->recalled = true;
  }
  refuse_all(table_.queued_of(recall.upstream, recall.key), wire::NotStarted::kRecalled, now, out);
}

void DispatcherCore::refuse_all(const std::vector<Entry*>& entries, wire::NotStarted why,
                                Instant now, Outbox<Effect>& out) {
  for (Entry* entry : entries) refuse(*entry, why, now, out);
}

// ---- from its end to Completed ---------------------------------------------------------------

void DispatcherCore::on(wire::PeerId from, const wire::Asked& asked, Instant now,
                        Outbox<Effect>& out) {
  const std::uint64_t life = limiters_.at(from).life;
  if (const auto done = table_.completed(asked.attempt)) {
    out.push(wire::Send{from, remembered(asked.attempt, *done, asked.upstream, asked.key)});
    return;
  }
  if (Entry* known = table_.find(asked.attempt)) {
    if (known->open->owner_life != life) {
      MARK("dispatcher: an heir asks about an attempt");
      known->open->asker = from;
    }
    if (known->state == AttemptState::kEnded) out.push(wire::Send{from, known->open->outcome});
    return;
  }
  // Without room it is not entered and not answered: it will be asked again.
  if (table_.size() >= config_.table_max + config_.asked_reserve) {
    MARK("dispatcher: no room for a question");
    return;
  }
  OpenAttempt open;
  open.upstream = asked.upstream;
  open.key = asked.key;
  open.owner_life = life;
  open.due = now;
  Entry& entry = table_.enter(asked.attempt, std::move(open), asked.lease_end);
  MARK("dispatcher: asked about an attempt that it never saw");
  refuse(entry, wire::NotStarted::kNeverSeen, now, out);
}

void DispatcherCore::on(wire::PeerId, const wire::Completed& completed, Instant, Outbox<Effect>&) {
  Entry* entry = table_.find(completed.attempt);
  // Completed for one that still runs says that the store gave it up: its outcome is said all the
  // same when it comes, and written as late.
  if (entry != nullptr && entry->state == AttemptState::kEnded) table_.complete(*entry);
}

void DispatcherCore::on(const HttpEnded& ended, Instant now, Outbox<Effect>& out) {
  Entry* entry = table_.find(ended.attempt);
  if (entry == nullptr || entry->state != AttemptState::kRunning) return;
  const std::string upstream = entry->open->upstream;
  if (Line* line = this->line(upstream)) learn(*line, entry->open->trial, ended, now);
  wire::Outcome outcome = outcome_of(*entry, ended, now);
  if (outcome.ended == wire::Ended::kThrottled || outcome.abnormal) {
    penalise(outcome, now, out);
  }
  end(*entry, std::move(outcome), now, out);
  start_queued(upstream, now, out);
}

void DispatcherCore::learn(Line& line, bool trial, const HttpEnded& ended, Instant now) {
  switch (ended.end) {
    case HttpEnd::kAnswered:
    case HttpEnd::kUnknown:
      return line.breaker.connected();
    case HttpEnd::kNotConnected:
      return line.breaker.not_connected(trial, now);
    case HttpEnd::kNoCredential:
    case HttpEnd::kDenied:
    case HttpEnd::kLane:
      return line.breaker.learnt_nothing(trial);
  }
}

// The times are bounds: never later than it left, never earlier than it was answered.
wire::Outcome DispatcherCore::outcome_of(const Entry& entry, const HttpEnded& ended,
                                         Instant now) const {
  const OpenAttempt& open = *entry.open;
  wire::Outcome outcome = outcome_for(entry.attempt, open.upstream, open.key);
  outcome.reason = ended.reason;
  if (const auto why = why_not_sent(ended.end)) {
    // The port's words name the key's secret, which is nothing for the trail.
    if (ended.end == HttpEnd::kNoCredential) outcome.reason = "no credential";
    const bool recalled = open.recalled || closed(open, now);
    outcome.ended = wire::Ended::kNotStarted;
    outcome.not_started =
        *why == wire::NotStarted::kTooLate && recalled ? wire::NotStarted::kRecalled : *why;
    return outcome;
  }
  // The loop's now may be older than what the port saw; the bounds must hold at its instants.
  const Instant seen = std::max(now, ended.ended);
  const auto bounds = clock_.bounds(seen);
  outcome.started_at = open.granted_at;
  if (bounds && ended.sent) {
    const Duration since = (seen - *ended.sent) * (1'000'000 + StoreClock::kDriftPpm) / 1'000'000;
    outcome.started_at = std::max(open.granted_at, bounds->low - since - microseconds(1));
  }
  if (bounds) outcome.answered_at = bounds->high;
  if (ended.sent) outcome.latency = ended.ended - *ended.sent;
  if (ended.end != HttpEnd::kUnknown)
    read_answer(ended, *lines_.at(open.upstream).upstream, outcome);
  return outcome;
}

void DispatcherCore::read_answer(const HttpEnded& ended, const Upstream& upstream,
                                 wire::Outcome& outcome) const {
  const std::int64_t now_s = outcome.answered_at.us / 1'000'000;
  const auto wait = longest_retry_after(ended.retry_after, ended.date, now_s);
  // A Retry-After that cannot be read is a warning all the same; it names no time.
  const bool warned = ended.retry_after.find_first_not_of(" \t\n") != std::string::npos;
  outcome.ended = ended_by(upstream, ended.status, warned);
  outcome.status = ended.status;
  outcome.told_to_wait = wait.has_value();
  outcome.retry_after = wait.value_or(Duration{});
  outcome.abnormal = speaks_of_abuse(upstream, ended.status, ended.answer);
  // It is the key that was refused: the message waits until a person lets the key go on.
  if (outcome.abnormal && outcome.ended != wire::Ended::kDelivered) {
    outcome.ended = wire::Ended::kThrottled;
  }
  outcome.answer = ended.answer.substr(0, upstream.answer_kept);
  if (const auto quota = quota_of(ended.quota, ended.date, now_s)) {
    outcome.quota_told = true;
    outcome.quota_left = quota->left;
    outcome.quota_reset = quota->reset;
  }
}

// The upstream closed this key: every limiter hears it before the outcome, and what has not left
// yet does not leave (may_start) or comes back.
void DispatcherCore::penalise(const wire::Outcome& outcome, Instant now, Outbox<Effect>& out) {
  const Line* line = this->line(outcome.upstream);
  const Duration named = line == nullptr ? Duration{} : line->upstream->penalty_base;
  const Duration wait = outcome.told_to_wait ? outcome.retry_after : named;
  MARK("dispatcher: the upstream says slow down");
  ++counts_.penalties;
  closures_.penalise(outcome.upstream, outcome.key, now + wait);
  for (const auto& [peer, limiter] : limiters_) {
    out.push(wire::Send{peer, wire::Penalty{outcome.upstream, outcome.key, outcome.told_to_wait,
                                            outcome.retry_after, outcome.abnormal}});
  }
  refuse_all(table_.queued_of(outcome.upstream, outcome.key), wire::NotStarted::kRecalled, now,
             out);
}

// A limiter that comes up may be given a grant of a key whose penalty the store does not have yet:
// those that no limiter has completed are told again, before anything else.
void DispatcherCore::tell_penalties(wire::PeerId peer, Instant now, Outbox<Effect>& out) const {
  for (const Entry* entry : table_.unsettled()) {
    const wire::Outcome& said = entry->open->outcome;
    if (said.ended != wire::Ended::kThrottled && !said.abnormal) continue;
    const auto until = closures_.penalised_until(said.upstream, said.key);
    if (!until || (*until <= now && !said.abnormal)) continue;
    const Duration left = std::max(Duration{}, *until - now);
    out.push(wire::Send{peer, wire::Penalty{said.upstream, said.key, true, left, said.abnormal}});
  }
}

void DispatcherCore::refuse(Entry& entry, wire::NotStarted why, Instant now, Outbox<Effect>& out) {
  end(entry, not_started(entry.attempt, entry.open->upstream, entry.open->key, why), now, out);
}

void DispatcherCore::end(Entry& entry, wire::Outcome outcome, Instant now, Outbox<Effect>& out) {
  ++counts_.ended[index(outcome.ended)];
  if (outcome.ended == wire::Ended::kNotStarted) {
    ++counts_.not_started[index(outcome.not_started)];
  }
  table_.end(entry, std::move(outcome), now);
  say(entry, now, out);
}

// To the limiter that dispatched it and to who asked; when both are gone, to the others in turn.
void DispatcherCore::say(Entry& entry, Instant now, Outbox<Effect>& out) {
  OpenAttempt& open = *entry.open;
  table_.set_due(entry, now + config_.resend_every);
  const wire::PeerId owner = limiter_of(open.owner_life);
  const bool owned = owner.n != 0;
  const bool asked = open.asker != owner && limiters_.contains(open.asker);
  if (limiters_.empty()) return;
  if (open.said > 0) {
    MARK("dispatcher: an outcome is said again");
    ++counts_.said_again;
  }
  if (owned) out.push(wire::Send{owner, open.outcome});
  if (asked) out.push(wire::Send{open.asker, open.outcome});
  if (!owned && !asked) {
    MARK("dispatcher: an outcome is said to whoever is there");
    const auto turn = static_cast<std::ptrdiff_t>(open.said % limiters_.size());
    out.push(wire::Send{std::next(limiters_.begin(), turn)->first, open.outcome});
  }
  ++open.said;
}

// Of a completed attempt only how it ended is remembered.
wire::Outcome DispatcherCore::remembered(const wire::Attempt& attempt, const HowEnded& how,
                                         const std::string& upstream, const std::string& key) {
  wire::Outcome outcome = outcome_for(attempt, upstream, key);
  outcome.ended = how.ended;
  outcome.not_started = how.not_started;
  outcome.status = how.status;
  return outcome;
}

// A queued attempt whose start_by has passed; or a running one whose end was lost on its way: the
// port's own timeouts have passed, so nothing of it is under way that TCP could still deliver.
void DispatcherCore::give_up(Entry& entry, Instant now, Outbox<Effect>& out) {
  const std::string upstream = entry.open->upstream;
  if (entry.state == AttemptState::kQueued) {
    if (surely_before(entry.open->start_by, now)) {
      table_.set_due(entry, now + kLookAgain);
    } else {
      refuse(entry, wire::NotStarted::kTooLate, now, out);
    }
    return;
  }
  MARK("dispatcher: the end of an attempt never came");
  ++counts_.given_up;
  out.push(StopHttp{entry.attempt});
  HttpEnded lost;
  lost.attempt = entry.attempt;
  lost.reason = "lost";
  lost.ended = now;
  if (Line* line = this->line(upstream)) line->breaker.learnt_nothing(entry.open->trial);
  end(entry, outcome_of(entry, lost, now), now, out);
  start_queued(upstream, now, out);
}

}  // namespace sluice::dispatcher
