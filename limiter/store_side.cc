// Calls of the store and its clock: what was asked is asked until it is answered.
#include <algorithm>

#include "lib/base/mark.h"
#include "limiter/core.h"
#include "limiter/script.h"

namespace sluice::limiter {

namespace {

// A call that is said again says its time anew; the same asks bring the same answers.
void renew(Call& call, const Caller& caller, std::uint64_t limits_version) {
  if (auto* grant = std::get_if<Grant>(&call)) {
    grant->caller = caller;
    grant->caller.limits_version = limits_version;
    for (GrantAsk& ask : grant->asks) ask.line.limits_version = limits_version;
  }
  if (auto* complete = std::get_if<Complete>(&call)) complete->caller = caller;
  if (auto* consume = std::get_if<Consume>(&call)) consume->caller = caller;
}

bool needs_time(const Call& call) {
  return std::holds_alternative<Grant>(call) || std::holds_alternative<Complete>(call) ||
         std::holds_alternative<Consume>(call);
}

// Said once more, what others have said since. What is remembered gives way to that.
bool may_undo(const SetLimits& edit) { return edit.said_at.us == 0; }

// Less than what a shard tolerates (clock_error_max).
constexpr Duration kShardsApart = milliseconds(100);

}  // namespace

void LimiterCore::say(Call call, const Turn& turn) {
  turn.out.push(calls_.say(std::move(call), turn.now));
}

void LimiterCore::say_calls_again(const Turn& turn) {
  bool unanswered_clock = false;
  for (Call& call : calls_.take_due(turn.now, config_.store_again)) {
    if (std::holds_alternative<Peek>(call)) {  // whoever asked has gone on without an answer
      forget_peek(std::get<Peek>(call), turn);
      continue;
    }
    if (std::holds_alternative<AskClock>(call)) {
      clock_asked_ = false;
      doubt_answered(std::get<AskClock>(call), false);
      unanswered_clock = true;
      continue;
    }
    if (const auto* edit = std::get_if<SetLimits>(&call); edit != nullptr && may_undo(*edit)) {
      limits_unheard(edit->asker, turn);
      continue;
    }
    if (!needs_time(call)) {
      say(std::move(call), turn);
    } else if (const auto from = caller(turn.now)) {
      renew(call, *from, limits_version(upstream_of(call)));
      say(std::move(call), turn);
    } else {
      MARK("limiter: a call of the store waits until time is known");
      calls_.again_at(std::move(call), turn.now + config_.store_retry);
    }
  }
  if (unanswered_clock) ask_clock(turn);  // once for all of them: else they would be ever more
}

void LimiterCore::ask_clock(const Turn& turn) {
  clock_due_ = Instant::never();
  for (auto& [name, shard] : shards_) {
    if (shard.doubt != Shard::Doubt::kToSay) continue;
    MARK("limiter: a shard is told that its clock contradicts itself");
    shard.doubt = Shard::Doubt::kSaid;
    Caller unsure;
    unsure.life = config_.life;
    say(AskClock{name, unsure}, turn);
  }
  if (clock_asked_ || shards_.empty()) return;
  clock_asked_ = true;
  AskClock ask{clock_of_, Caller{}};
  ask.caller.life = config_.life;
  if (const auto known = bounds(turn.now)) {
    ask.caller.bounds = *known;
    ask.caller.ask_by = known->high + config_.ask_within;
  }
  say(ask, turn);
}

// One clock serves all shards, and each closes for itself (P1): a shard that nobody told would take
// what it had counted for older than it is.
void LimiterCore::doubt_answered(const AskClock& call, bool heard) {
  Shard* shard = shard_of(call.upstream);
  if (shard == nullptr || call.caller.bounds.high.us != 0) return;
  if (shard->doubt != Shard::Doubt::kSaid) return;
  shard->doubt = heard ? Shard::Doubt::kNone : Shard::Doubt::kToSay;
}

void LimiterCore::hear_clock(const StoreReply& reply, const Turn& turn) {
  if (reply.sent < clock_heard_) {  // late: a newer one is known
    MARK("limiter: an old answer says what time it is");
    return;
  }
  clock_heard_ = reply.sent;
  const bool knew = clock_known_;
  const RoundTrip trip{reply.sent, reply.received, {reply.now, reply.now}};
  clock_known_ = clock_.hear(trip) == StoreClock::Heard::kLearnt;
  if (!clock_known_) {
    MARK("limiter: the store's clock contradicts itself");
    for (auto& [name, shard] : shards_) shard.doubt = Shard::Doubt::kToSay;
  }
  clock_due_ = clock_known_ ? reply.received + config_.clock_age_max : turn.now;
  if (knew || !clock_known_) return;
  close_by_warnings(turn);
  for (const auto& [peer, dispatcher] : peers_.dispatchers()) turn.out.push(wire::Announce{peer});
  for (const auto& [peer, ingest] : peers_.ingests()) turn.out.push(wire::Announce{peer});
  for (Key* key : keys_) touch(*key);
}

// After their clock went back, shards go on from where each of them was. One that is ahead of the
// others would take every question for a late one: from now on it says what time it is, and the
// others follow (each closes, as after any leap).
void LimiterCore::follow_clock(const std::string& upstream, const StoreReply& reply) {
  const auto known = bounds(reply.received);
  if (!known || upstream == clock_of_ || reply.now < known->high + kShardsApart) return;
  MARK("limiter: another shard's clock is ahead");
  clock_of_ = upstream;
}

void LimiterCore::answered(const StoreReply& reply, const Turn& turn) {
  const bool failed = std::holds_alternative<StoreFailed>(reply.answer);
  auto call = calls_.answered(reply.call_id);
  if (call && !failed) follow_clock(upstream_of(*call), reply);
  // Shards may differ by a moment after their clock went back: one of them says what time it is.
  const bool tells = call && upstream_of(*call) == clock_of_;
  if (!failed && tells && reply.now.us != 0) hear_clock(reply, turn);
  if (!call) {  // it was said again meanwhile: that answer will do
    MARK("limiter: an answer to a call that was said again");
    return;
  }
  if (std::holds_alternative<AskClock>(*call)) clock_asked_ = false;
  // An answer that came too late to teach anything must not be the last one asked for.
  if (clock_due_ == Instant::never() && !clock_asked_) clock_due_ = turn.now;
  if (failed) {
    MARK("limiter: the store failed");
    ++counts_.store_failed;
    store_up_ = false;
    put_off(std::move(*call), turn);
    return;
  }
  store_up_ = true;
  for (auto& [name, shard] : shards_) shard.look = true;
  const std::string& upstream = upstream_of(*call);
  hear_version(upstream, reply.limits_version, turn);
  const auto* peek = std::get_if<Peek>(&*call);
  if (peek != nullptr && reply.limits_version != limits_version(upstream)) {
    MARK("limiter: the store forecasts by other limits");
    return peek_after_limits(*peek, turn);
  }
  answer_to(*call, reply.answer, turn);
}

void LimiterCore::put_off(Call call, const Turn& turn) {
  if (const auto* peek = std::get_if<Peek>(&call)) {
    forget_peek(*peek, turn);
  } else if (const auto* clock = std::get_if<AskClock>(&call)) {
    doubt_answered(*clock, false);
    clock_due_ = turn.now + config_.store_retry;
  } else if (const auto* edit = std::get_if<SetLimits>(&call); edit && may_undo(*edit)) {
    limits_unheard(edit->asker, turn);
  } else {
    calls_.again_at(std::move(call), turn.now + config_.store_retry);
  }
}

// The store has seen every attempt, of lives before this one too.
void LimiterCore::learn(const std::string& upstream, Duration latency) {
  if (Shard* shard = shard_of(upstream); shard != nullptr) shard->latency = latency;
}

void LimiterCore::acknowledged(const std::string& upstream, const Acknowledged& done) {
  learn(upstream, done.latency);
  hear_closure(upstream, done);
  take_outbox(done.outbox);
}

void LimiterCore::answer_to(const Call& call, const Answer& answer, const Turn& turn) {
  if (const auto* reply = std::get_if<CompleteReply>(&answer)) {
    learn(upstream_of(call), reply->latency);
  } else if (const auto* peek = std::get_if<PeekReply>(&answer)) {
    learn(upstream_of(call), peek->latency);
  } else if (const auto* done = std::get_if<Acknowledged>(&answer)) {
    acknowledged(upstream_of(call), *done);
  } else if (const auto* limits = std::get_if<LimitsReply>(&answer)) {
    acknowledged(upstream_of(call), limits->shard);
    return hear_limits(call, *limits, turn);
  }
  if (const auto* grant = std::get_if<Grant>(&call)) {
    if (const auto* reply = std::get_if<GrantReply>(&answer)) granted(*grant, *reply, turn);
  } else if (const auto* complete = std::get_if<Complete>(&call)) {
    if (const auto* reply = std::get_if<CompleteReply>(&answer)) completed(*complete, *reply, turn);
  } else if (const auto* peek = std::get_if<Peek>(&call)) {
    if (const auto* reply = std::get_if<PeekReply>(&answer)) peeked(*peek, *reply, turn);
  } else if (const auto* hold = std::get_if<SetHold>(&call)) {
    const auto* done = std::get_if<Acknowledged>(&answer);
    hold_written(*hold, done == nullptr ? StoreTime{} : done->later_word, turn);
  } else if (const auto* consume = std::get_if<Consume>(&call)) {
    consumed(*consume, turn);
  } else if (const auto* clock = std::get_if<AskClock>(&call)) {
    doubt_answered(*clock, true);
  }
}

std::optional<StoreBounds> LimiterCore::bounds(Instant now) const { return clock_.bounds(now); }

// When store time is surely not before `at`.
Instant LimiterCore::when(StoreTime at, Instant now) const {
  if (at >= StoreTime::never()) return Instant::never();
  const auto known = bounds(now);
  if (!known) return now + config_.store_retry;
  return now + std::max(Duration{0}, at - known->low);
}

std::optional<Caller> LimiterCore::caller(Instant now) const {
  const auto known = bounds(now);
  if (!known || clock_.age(now) > config_.clock_age_grant) return std::nullopt;
  return Caller{config_.life, *known, known->high + config_.ask_within, 0};
}

}  // namespace sluice::limiter
