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
    if (const auto* clock = std::get_if<AskClock>(&call)) {
      clock_unanswered(*clock);
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

// One shard's clock is the time here; another is asked only while it does not agree.
void LimiterCore::ask_clock(const Turn& turn) {
  clock_due_ = Instant::never();
  for (auto& [name, shard] : shards_) {
    const bool to_ask = name == clock_of_ || shard.doubted != Instant::never();
    if (!to_ask || std::exchange(shard.clock_asked, true)) continue;
    say(AskClock{name, clock_caller(shard, turn.now)}, turn);
  }
}

// Who does not know store time yet says what the wall clock makes of it, and puts nothing right by
// that.
Caller LimiterCore::clock_caller(const Shard& shard, Instant now) const {
  Caller caller;
  caller.life = config_.life;
  const auto known = clock_.bounds(now);
  const auto said = known ? known : wall_.bounds(now);
  if (!said) return caller;
  caller.bounds = *said;
  caller.ask_by = said->high + config_.ask_within;
  caller.doubted = shard.doubted != Instant::never() && now - shard.doubted >= config_.doubt_for;
  if (!caller.doubted) return caller;
  if (!known) {
    MARK("limiter: store time is another than that of two clocks that agree");
    caller.bounds = {};
    return caller;
  }
  MARK("limiter: a shard is told that its clock has stepped");
  const bool lately =
      shard.put_right != Instant::never() && now - shard.put_right < config_.yields_for;
  if (lately && shard.upstream->name == clock_of_) {
    MARK("limiter: another one knows store time to be another");
    caller.bounds = {};
  }
  return caller;
}

void LimiterCore::clock_unanswered(const AskClock& call) {
  if (Shard* shard = shard_of(call.upstream); shard != nullptr) shard->clock_asked = false;
}

void LimiterCore::hear_clock(const Call& call, const StoreReply& reply, const Turn& turn) {
  const std::string& upstream = upstream_of(call);
  Shard* shard = shard_of(upstream);
  if (shard == nullptr || reply.now.us == 0) return;
  const auto* clock = std::get_if<AskClock>(&call);
  const bool told = clock != nullptr && clock->caller.doubted;
  if (told && clock->caller.bounds.high.us != 0) shard->put_right = reply.received;
  const auto agrees = [](const auto& one) { return one.second.doubted == Instant::never(); };
  if (upstream != clock_of_) {
    compare_clock(*shard, reply, told);
    if (shard->doubted != Instant::never()) {
      clock_due_ = std::min(clock_due_, turn.now + config_.store_retry);
    }
    return;
  }
  if (reply.sent < clock_heard_) {  // late: a newer one is known
    MARK("limiter: an old answer says what time it is");
  } else {
    clock_heard_ = reply.sent;
    learn_time(*shard, reply, told, turn);
  }
  const bool agree = clock_.bounds(turn.now) && std::all_of(shards_.begin(), shards_.end(), agrees);
  clock_due_ = agree ? reply.received + config_.clock_age_max : turn.now + config_.store_retry;
}

// What is known stays known while the clock says otherwise: that may last for a moment only.
void LimiterCore::learn_time(Shard& shard, const StoreReply& reply, bool told, const Turn& turn) {
  if (!clock_.bounds(turn.now)) return learn_first(shard, reply, told, turn);
  const RoundTrip trip{reply.sent, reply.received, {reply.now, reply.now}};
  StoreClock met = clock_;
  if (met.hear(trip) == StoreClock::Heard::kLearnt) {
    clock_ = met;
    shard.doubted = Instant::never();
  } else if (told) {
    MARK("limiter: what was known of store time is given up");
    go_by(shard, trip);
  } else if (shard.doubted == Instant::never()) {
    MARK("limiter: the store's clock contradicts what is known");
    shard.doubted = reply.received;
  }
}

// It has closed, and others know better. Whoever goes by this time must have closed, too.
void LimiterCore::go_by(Shard& shard, const RoundTrip& trip) {
  clock_ = {};
  (void)clock_.hear(trip);
  for (auto& [name, other] : shards_) other.doubted = Instant{};
  shard.doubted = Instant::never();
}

// Who does not know yet must find store time and its own machine's clock in agreement, or else the
// server's clock: then store time goes on beside both, since somebody knew it so, and the shard
// closes first.
void LimiterCore::learn_first(Shard& shard, const StoreReply& reply, bool told, const Turn& turn) {
  const Duration error = config_.clock_error_max;
  wall_ = {};
  if (reply.wall.us != 0) {
    (void)wall_.hear({reply.received, reply.received, {reply.wall - error, reply.wall + error}});
  }
  const auto agrees = [&](StoreClock clock, StoreTime now) {
    return clock.hear({reply.sent, reply.received, {now, now}}) == StoreClock::Heard::kLearnt;
  };
  const auto* done = std::get_if<Acknowledged>(&reply.answer);
  const bool is_right = done != nullptr && agrees(wall_, reply.now - done->offset);
  const RoundTrip trip{reply.sent, reply.received, {reply.now, reply.now}};
  wall_apart_.reset();
  if (agrees(wall_, reply.now)) {
    clock_ = wall_;
    (void)clock_.hear(trip);
    shard.doubted = Instant::never();
  } else if (is_right && told) {
    go_by(shard, trip);
  } else {
    MARK("limiter: the store's clock and the wall clock are apart");
    wall_apart_ = reply.now - reply.wall;
    if (!is_right) shard.doubted = Instant::never();
    if (is_right && shard.doubted == Instant::never()) shard.doubted = reply.received;
    return;
  }
  time_is_known(turn);
}

void LimiterCore::time_is_known(const Turn& turn) {
  close_by_warnings(turn);
  for (const auto& [peer, dispatcher] : peers_.dispatchers()) turn.out.push(wire::Announce{peer});
  for (const auto& [peer, ingest] : peers_.ingests()) turn.out.push(wire::Announce{peer});
  for (Key* key : keys_) touch(*key);
}

// Clocks of other shards are not learnt from, so they may be off by what a shard tolerates.
void LimiterCore::compare_clock(Shard& shard, const StoreReply& reply, bool told) const {
  if (shard.doubted == Instant{} && !told) return;
  const Duration error = config_.clock_error_max;
  StoreClock known = clock_;
  const RoundTrip trip{reply.sent, reply.received, {reply.now - error, reply.now + error}};
  if (known.hear(trip) == StoreClock::Heard::kLearnt) {
    shard.doubted = Instant::never();
  } else if (told || shard.doubted == Instant::never()) {
    MARK("limiter: another shard's clock contradicts what is known");
    shard.doubted = reply.received;
  }
}

std::map<std::string, Duration> LimiterCore::clock_offsets() const {
  std::map<std::string, Duration> offsets;
  for (const auto& [name, shard] : shards_) offsets[name] = shard.clock_offset;
  return offsets;
}

void LimiterCore::answered(const StoreReply& reply, const Turn& turn) {
  const bool failed = std::holds_alternative<StoreFailed>(reply.answer);
  auto call = calls_.answered(reply.call_id);
  if (!call) {  // it was said again meanwhile: that answer will do
    MARK("limiter: an answer to a call that was said again");
    return;
  }
  if (const auto* clock = std::get_if<AskClock>(&*call)) clock_unanswered(*clock);
  if (!failed) hear_clock(*call, reply, turn);
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
    clock_unanswered(*clock);
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
  if (Shard* shard = shard_of(upstream); shard != nullptr) shard->clock_offset = done.offset;
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
    hold_written(*hold, done == nullptr ? Acknowledged{} : *done, turn);
  } else if (const auto* consume = std::get_if<Consume>(&call)) {
    consumed(*consume, turn);
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
