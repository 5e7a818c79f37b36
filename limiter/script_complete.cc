// These attempts ended. An attempt's outcome is written once: what is said again changes nothing.
#include <algorithm>

#include "lib/base/check.h"
#include "lib/base/mark.h"
#include "limiter/script_parts.h"
#include "limiter/trail_line.h"

namespace sluice::limiter {

namespace {

// Attempts that ended without an outcome and are remembered for one that may still come.
constexpr std::size_t kGivenUpMax = 16;

class Completing {
 public:
  Completing(Scene& scene, const Caller& caller)
      : scene_(scene), at_(std::max(scene.now, caller.bounds.high)) {}
  CompleteAnswer answer(const Completion& completion);

 private:
  Wrote place(const Completion& completion);
  void decide(MessageRecord& record, const Completion& completion);
  void not_started(MessageRecord& record, const Completion& completion);
  void late(MessageRecord& record, const Completion& completion, Wrote wrote);
  static void uncount(MessageRecord& record, std::uint32_t serial);
  void count(MessageRecord& record, wire::Ended ended);
  End end_of(const MessageRecord& record, const wire::Outcome& outcome) const;
  void punish(MessageRecord& record, const Completion& completion);
  void forgive(const MessageRecord& record, const wire::Outcome& outcome);
  void learn(const MessageRecord& record, const wire::Outcome& outcome);
  void complete_slots(const MessageRecord& record, const wire::Outcome& outcome);
  [[nodiscard]] wire::Record line(const MessageRecord& record, const wire::Outcome& outcome,
                                  wire::RecordKind kind) const;
  [[nodiscard]] StoreTime closed_until(const std::string& key);

  Scene& scene_;
  StoreTime at_;  // the latest that "now" can be: a completion is never written too early
};

// What this outcome is to the store.
Wrote Completing::place(const Completion& completion) {
  const wire::Attempt& attempt = completion.outcome.attempt;
  const MessageRecord* known = scene_.message(attempt.identity);
  // It can be about no attempt of ours: neither key may be touched.
  if (known != nullptr && known->line.key != completion.outcome.key) return Wrote::kBefore;
  if (known == nullptr || attempt.serial > known->serial) return Wrote::kNoRecord;
  if (known->stage == Stage::kUnderway && attempt.serial == known->serial) return Wrote::kNow;
  const bool awaited =
      std::any_of(known->given_up.begin(), known->given_up.end(),
                  [&](const GivenUp& one) { return one.serial == attempt.serial; });
  if (!awaited) MARK("store: an outcome comes a second time");
  return awaited ? Wrote::kLate : Wrote::kBefore;
}

CompleteAnswer Completing::answer(const Completion& completion) {
  const wire::Outcome& outcome = completion.outcome;
  const std::string& identity = outcome.attempt.identity;
  CompleteAnswer answer;
  answer.wrote = place(completion);
  const bool says_nothing = outcome.ended == wire::Ended::kNotStarted;
  if (answer.wrote == Wrote::kLate && says_nothing) {
    MARK("store: an attempt that was given up never started");
    uncount(scene_.edit_message(identity), outcome.attempt.serial);
    answer.wrote = Wrote::kBefore;
  }
  if (answer.wrote == Wrote::kNow) {
    decide(scene_.edit_message(identity), completion);
  } else if (answer.wrote != Wrote::kBefore && !says_nothing) {
    late(scene_.edit_message(identity), completion, answer.wrote);
  }
  answer.due = scene_.now;
  answer.closed_until = closed_until(outcome.key);
  const MessageRecord* record = scene_.message(identity);
  if (record == nullptr) return answer;
  answer.settled = record->stage == Stage::kSettled;
  answer.end = record->end;
  answer.due = record->stage == Stage::kUnderway ? record->lease_end : record->due;
  answer.attempts = record->attempts;
  answer.outbox = record->outbox;
  return answer;
}

wire::Record Completing::line(const MessageRecord& record, const wire::Outcome& outcome,
                              wire::RecordKind kind) const {
  wire::Record line = line_of(record, kind, scene_.now);
  line.serial = outcome.attempt.serial;
  line.record_id = record_id_of(line.identity, line.serial, kind);
  line.ended = static_cast<std::uint32_t>(outcome.ended);
  line.status = outcome.status;
  line.started_at = outcome.started_at;
  line.completed_at = at_;
  line.reason = outcome.reason;
  return line;
}

void Completing::count(MessageRecord& record, wire::Ended ended) {
  ++record.attempts;
  if (ended == wire::Ended::kThrottled) ++record.throttles;
}

// How the message ended by this outcome; without a reason: delivered, or not at all (kDead).
End Completing::end_of(const MessageRecord& record, const wire::Outcome& outcome) const {
  End end{wire::Settlement::kDead, {}, outcome.status, record.attempts, scene_.now};
  if (record.keep_answer) end.answer = outcome.answer.substr(0, wire::kAnswerMax);
  switch (outcome.ended) {
    case wire::Ended::kDelivered:
      end.settlement = wire::Settlement::kDelivered;
      return end;
    case wire::Ended::kRefused:
      end.reason = "refused";
      return end;
    case wire::Ended::kUnknown:
      if (scene_.spans().on_unknown == OnUnknown::kDead) end.reason = "unknown";
      break;
    case wire::Ended::kFailed:
    case wire::Ended::kThrottled:
    case wire::Ended::kNotStarted:
      break;
  }
  if (end.reason.empty()) end.reason = scene_.exhausted(record);
  return end;
}

void Completing::complete_slots(const MessageRecord& record, const wire::Outcome& outcome) {
  const bool answered = outcome.ended != wire::Ended::kUnknown;
  if (!answered) MARK("store: an attempt's fate is unknown");
  const StoreTime at = answered ? at_ : at_ + scene_.spans().unknown_hold;
  scene_.complete_slots(record, outcome.attempt.serial, at);
}

void Completing::decide(MessageRecord& record, const Completion& completion) {
  const wire::Outcome& outcome = completion.outcome;
  record.stage = Stage::kWaiting;
  record.due = scene_.from + completion.consequence.retry_after;
  if (outcome.ended == wire::Ended::kNotStarted) return not_started(record, completion);
  complete_slots(record, outcome);
  count(record, outcome.ended);
  learn(record, outcome);
  forgive(record, outcome);
  tell(scene_, record.line.key, outcome);
  wire::Record said = line(record, outcome, wire::RecordKind::kAttempt);
  End end = end_of(record, outcome);
  if (end.settlement != wire::Settlement::kDelivered && !record.late_end.empty()) {
    end = record.late_end.front();
  }
  const bool ended = end.settlement == wire::Settlement::kDelivered || !end.reason.empty();
  if (ended) settle(record, said, std::move(end));
  record.outbox.push_back(std::move(said));
  punish(record, completion);
  record.purge_at = scene_.keep_until(record);
}

// No byte of it left: the slot is free, and it was no attempt. A request that would leave its lane
// would do so each time.
void Completing::not_started(MessageRecord& record, const Completion& completion) {
  scene_.free_slots(record, record.serial);
  record.given_up.push_back({record.serial, false});
  if (record.given_up.size() > kGivenUpMax) record.given_up.erase(record.given_up.begin());
  record.purge_at = scene_.keep_until(record);
  const bool lane = completion.outcome.not_started == wire::NotStarted::kLane;
  if (!lane && record.late_end.empty()) return;
  End end{wire::Settlement::kDead, "lane", 0, record.attempts, scene_.now};
  if (!record.late_end.empty()) end = record.late_end.front();
  wire::Record said = line_of(record, wire::RecordKind::kSettlement, scene_.now);
  settle(record, said, std::move(end));
  record.outbox.push_back(std::move(said));
  record.purge_at = scene_.keep_until(record);
}

// An answer after all: the slot moves to it, the key learns from it, and the message ends by it,
// unless it has ended or the next attempt is under way already.
void Completing::late(MessageRecord& record, const Completion& completion, Wrote wrote) {
  const wire::Outcome& outcome = completion.outcome;
  if (record.line.identity.empty()) {
    MARK("store: an outcome of a message that it does not know");
    record.line.identity = outcome.attempt.identity;
    record.line.key = outcome.key;
    record.line.upstream = outcome.upstream;
  }
  complete_slots(record, outcome);
  const auto awaited =
      std::find_if(record.given_up.begin(), record.given_up.end(),
                   [&](const GivenUp& one) { return one.serial == outcome.attempt.serial; });
  const bool counted = awaited != record.given_up.end() && awaited->counted;
  if (awaited != record.given_up.end()) record.given_up.erase(awaited);
  if (!counted) {
    count(record, outcome.ended);
  } else if (outcome.ended == wire::Ended::kThrottled) {
    ++record.throttles;
  }
  forgive(record, outcome);
  wire::Record said = line(record, outcome, wire::RecordKind::kLate);
  const bool final =
      outcome.ended == wire::Ended::kDelivered || outcome.ended == wire::Ended::kRefused;
  if (record.stage == Stage::kWaiting) {
    if (final) {
      MARK("store: a late answer ends a message");
      settle(record, said, end_of(record, outcome));
    }
    record.due = std::max(record.due, scene_.from + completion.consequence.retry_after);
  } else if (record.stage == Stage::kUnderway && final) {
    MARK("store: a late answer while the next attempt is under way");
    record.late_end = {end_of(record, outcome)};
  }
  if (wrote == Wrote::kNoRecord && record.stage != Stage::kUnderway) {
    record.serial = std::max(record.serial, outcome.attempt.serial);
  }
  record.outbox.push_back(std::move(said));
  punish(record, completion);
  record.purge_at = scene_.keep_until(record);
}

// It never started, as turns out: it was no attempt (P4). Its slot stays where it is.
void Completing::uncount(MessageRecord& record, std::uint32_t serial) {
  for (GivenUp& one : record.given_up) {
    if (one.serial != serial || !one.counted || record.stage == Stage::kSettled) continue;
    MARK("store: an attempt counts no more");
    one.counted = false;
    --record.attempts;
  }
}

// A success ends a row of penalties; from here on the key opens slowly. What was granted before the
// penalty proves nothing.
void Completing::forgive(const MessageRecord& record, const wire::Outcome& outcome) {
  if (outcome.ended != wire::Ended::kDelivered) return;
  const std::string& key = record.line.key;
  const KeyRecord* known = scene_.key(key);
  if (known == nullptr || known->penalties == 0) return;
  if (outcome.attempt.serial != record.serial || record.granted_at <= known->penalised_at) return;
  scene_.edit_key(key).penalties = 0;
  scene_.edit_key(key).reopened_at = scene_.now;
  scene_.refresh_idle(key);
}

// How long a slot stays open, lately: what in_flight_per_key = "auto" goes by.
void Completing::learn(const MessageRecord& record, const wire::Outcome& outcome) {
  if (outcome.status == 0) return;
  const Duration taken =
      std::clamp(scene_.now - record.granted_at, Duration{0}, scene_.answer_max());
  Duration& latency = scene_.shard.edit_state().latency;
  latency = latency.us == 0 ? taken : latency + microseconds((taken - latency).us / 8);
}

// The upstream closed the key. Without a time of its own the answer doubles the last one's;
// abnormal usage closes until a person opens.
void Completing::punish(MessageRecord& record, const Completion& completion) {
  const wire::Outcome& outcome = completion.outcome;
  Duration length = completion.consequence.penalty;
  if (length.us <= 0 && !outcome.abnormal) return;
  KeyRecord& key = scene_.edit_key(record.line.key);
  if (!completion.consequence.penalty_was_told) {
    const Duration most = std::max(length, scene_.spans().penalty_max);
    if (key.penalties > 0) MARK("store: a penalty without a time is longer than the last");
    for (std::uint32_t i = 0; i < key.penalties && length < most; ++i) length = length * 2;
    length = std::min(length, most);
  }
  ++key.penalties;
  key.penalised_at = scene_.now;
  key.reopened_at = {};
  const auto same = [](const wire::Hold& hold) { return hold.kind == wire::HoldKind::kPenalty; };
  auto hold = std::find_if(key.holds.begin(), key.holds.end(), same);
  if (hold == key.holds.end()) {
    key.holds.push_back({wire::HoldKind::kPenalty, scene_.from + length, "upstream"});
    hold = key.holds.end() - 1;
  }
  if (hold->until.us != 0) hold->until = std::max(hold->until, scene_.from + length);
  if (outcome.abnormal) {
    MARK("store: abnormal usage closes a key");
    hold->until = {}, hold->by = "abnormal_usage", hold->said_at = scene_.now;
  }
  wire::Record said = line(record, outcome, wire::RecordKind::kHold);
  said.ended = 0;
  said.reason = outcome.abnormal ? "abnormal_usage" : "penalty";
  said.until = hold->until;
  record.outbox.push_back(std::move(said));
  scene_.refresh_idle(record.line.key);
}

StoreTime Completing::closed_until(const std::string& key) {
  const KeyRecord* record = scene_.key(key);
  StoreTime until;
  if (record == nullptr) return until;
  for (const wire::Hold& hold : record->holds) {
    if (hold.kind != wire::HoldKind::kPenalty) continue;
    const StoreTime end = hold.until.us == 0 ? StoreTime::never() : hold.until;
    if (end > scene_.now) until = std::max(until, end);
  }
  return until;
}

}  // namespace

CompleteReply complete(Scene& scene, const Complete& call) {
  Completing completing(scene, call.caller);
  CompleteReply reply;
  reply.answers.reserve(call.completions.size());
  for (const Completion& completion : call.completions) {
    reply.answers.push_back(completing.answer(completion));
  }
  reply.latency = scene.shard.state().latency;
  return reply;
}

}  // namespace sluice::limiter
