// What the store answered to a Grant, and what leaves for a dispatcher because of it.
#include <algorithm>

#include "lib/base/check.h"
#include "lib/base/mark.h"
#include "lib/digest/digest.h"
#include "limiter/core.h"

namespace sluice::limiter {

namespace {

constexpr std::size_t kBatchFirst = 16;

// The store is not fit to grant anything: nobody is asked for before it is looked at again. A shard
// that is (stale_settings) says no time.
bool is_unfit(const GrantAnswer& answer) {
  return answer.why == wire::Wait::kStoreDown && answer.until.us != 0;
}

void close_all(Shard& shard, const GrantAnswer& answer, Instant until) {
  shard.limit = answer.limit;
  shard.limit_why = answer.why;
  shard.limit_until = answer.until;
  shard.ends_at = until;
  shard.look = true;
}

}  // namespace

void LimiterCore::granted(const Grant& call, const GrantReply& reply, const Turn& turn) {
  if (reply.answers.size() != call.asks.size()) {
    calls_.again_at(call, turn.now + config_.store_retry);  // no answer to what was asked
    return;
  }
  asked_ -= call.asks.size();
  Shard& shard = *shard_of(call.asks.front().line.upstream);
  --shard.asking;
  learn_batch(shard, reply);
  take_outbox(reply.outbox);
  for (std::size_t i = 0; i < reply.answers.size(); ++i) {
    const std::string& identity = call.asks[i].line.identity;
    // All of it is the message's, also what is recorded of it under another name (id_conflict).
    for (const wire::Record& line : reply.answers[i].outbox) trail_.add(line, true, identity);
    Message* message = find(identity);
    CHECK(message != nullptr && message->state == State::kAsked);  // nothing else moves it on
    touch(*message->key);
    granted_one(*message, reply.answers[i], turn);
  }
}

// Of a limit that all keys share, as many are asked for at once as are likely to be granted.
void LimiterCore::learn_batch(Shard& shard, const GrantReply& reply) {
  const auto refused =
      std::any_of(reply.answers.begin(), reply.answers.end(), [&](const GrantAnswer& answer) {
        return answer.granted == Granted::kWait && is_shared(shard, answer.limit);
      });
  if (refused) {
    shard.batch = std::min(kBatchFirst, config_.batch_max);
  } else if (reply.answers.size() >= shard.batch) {
    shard.batch = std::min(shard.batch * 2, config_.batch_max);
  }
}

void LimiterCore::granted_one(Message& message, const GrantAnswer& answer, const Turn& turn) {
  switch (answer.granted) {
    case Granted::kYes:
      ++counts_.granted;
      for (const std::string& limit : answer.shadow_refused) {
        ++counts_.shadows[{message.key->shard->upstream->name, limit}];
      }
      message.key->foreseen.reset();
      if (answer.serial <= message.last_serial) {
        MARK("limiter: a grant that has left is answered again");
        underway(message, answer, turn);  // the grant that left already: it leaves only once
      } else {
        message.key->shard->due.charge(message.key->standing, cost_of(message));
        message.key->shard->way.granted();
        yes(message, answer, turn);
      }
      return;
    case Granted::kWait:
      ++counts_.refused;
      release(message);
      wait(message, answer, turn);
      return;
    case Granted::kSettled:
      MARK("limiter: the store says that a message has ended");
      release(message);
      if (config_.mutations.never_settled_again) {
        forget(message);
      } else {
        finish(message, answer.end, turn);
      }
      return;
    case Granted::kUnderway:
      MARK("limiter: another life has an attempt under way");
      underway(message, answer, turn);
      return;
  }
}

// A grant is for one life of one dispatcher. What cannot be handed to it any more was never
// dispatched, as nobody knows better than this life: the slot is given back.
void LimiterCore::yes(Message& message, const GrantAnswer& answer, const Turn& turn) {
  Key& key = *message.key;
  key.skip = 0;
  key.why = wire::Wait::kNone;
  message.attempts = answer.attempts;
  fly(message, answer, true);
  const auto to = peers_.dispatcher_of(answer.dispatcher_life);
  const auto known = bounds(turn.now);
  if (draining_) {
    MARK("limiter: a grant comes while it drains");
    give_back(message, wire::NotStarted::kDraining, turn);
  } else if (!to) {
    MARK("limiter: a grant for a dispatcher that has gone");
    give_back(message, wire::NotStarted::kNeverSeen, turn);
  } else if (!known || known->low >= answer.start_by) {  // or nobody knows whether it still may
    MARK("limiter: a grant comes too late to be started");
    give_back(message, wire::NotStarted::kTooLate, turn);
  } else if (!config_.mutations.penalty_not_held && closed(key, known->low)) {
    MARK("limiter: a grant comes for a key that was closed meanwhile");
    give_back(message, wire::NotStarted::kRecalled, turn);  // closed since it was asked for (P7)
  } else {
    dispatch(message, answer, *to, turn);
  }
}

// The message now has an open attempt, and counts at that dispatcher.
void LimiterCore::fly(Message& message, const GrantAnswer& answer, bool ours) {
  const std::uint64_t life = answer.dispatcher_life;
  release(message);
  if (ours && life != 0) {
    peers_.reserve(life, message.key->shard->upstream->name);
    message.reserved_at = life;
  }
  message.flight = std::make_unique<Flight>(Flight{answer.serial, life, answer.granted_at,
                                                   answer.start_by, answer.lease_end, ours, false});
  message.state = State::kUnderway;
  flights_[life].insert(Numbered(message));
  ++underway_;
  ++message.key->shard->open;
}

void LimiterCore::dispatch(Message& message, const GrantAnswer& answer, wire::PeerId to,
                           const Turn& turn) {
  const Offered& offer = message.offer;
  message.last_serial = std::max(message.last_serial, answer.serial);
  message.flight->dispatched = true;
  message.offer.offered_before = true;
  peers_.dispatched(answer.dispatcher_life).add(offer.identity);
  wire::Dispatch out;
  out.attempt = {offer.identity, answer.serial};
  out.upstream = message.key->shard->upstream->name;
  out.key = message.key->name;
  out.attempt_number = answer.attempts + 1;
  out.request = offer.letter.request();
  out.idempotency_key = to_hex(offer.identity);
  out.granted_at = answer.granted_at;
  out.start_by = answer.start_by;
  out.lease_end = answer.lease_end;
  out.traceparent = offer.letter.traceparent();
  out.limits_version = message.key->shard->limits_version;
  out.deadline = answer.deadline;
  send(to, std::move(out), turn);
  ++counts_.dispatched;
  const Duration timeout = message.key->shard->upstream->timeout;
  attempt_timers_.set(Numbered(message), message.look_at,
                      when(answer.start_by + timeout, turn.now) + config_.asked_again);
}

void LimiterCore::give_back(Message& message, wire::NotStarted why, const Turn& turn) {
  const auto known = bounds(turn.now);
  wire::Outcome outcome;
  outcome.attempt = {message.offer.identity, message.flight->serial};
  outcome.upstream = message.key->shard->upstream->name;
  outcome.key = message.key->name;
  outcome.ended = wire::Ended::kNotStarted;
  outcome.not_started = why;
  outcome.reason = "not dispatched";
  outcome.answered_at = known ? known->high : message.flight->granted_at;
  complete_attempt(outcome, std::nullopt, turn);
}

void LimiterCore::underway(Message& message, const GrantAnswer& answer, const Turn& turn) {
  release(message);
  if (answer.serial != 0 && answer.serial == message.completed_serial) {
    MARK("limiter: an attempt was completed while it was asked for again");
    put_back(message, turn);  // its outcome was written while the question was on its way
    return;
  }
  message.attempts = answer.attempts;
  fly(message, answer, false);
  const auto known = bounds(turn.now);
  if (known && known->low >= answer.lease_end) {  // the store's clock is a moment behind
    attempt_timers_.set(Numbered(message), message.look_at, turn.now + config_.store_retry);
    return;
  }
  look_at_attempt(message, turn);
}

// Not now: the message, its key, or the whole upstream is looked at again at the time named.
void LimiterCore::wait(Message& message, const GrantAnswer& answer, const Turn& turn) {
  Key& key = *message.key;
  if (config_.mutations.one_grant_too_many && answer.why == wire::Wait::kWindowFull) {
    GrantAnswer forged = answer;
    forged.serial = message.last_serial + 1'000;
    forged.dispatcher_life = peers_.room(message.key->shard->upstream->name).life;
    forged.granted_at = bounds(turn.now)->low;
    forged.start_by = forged.granted_at + seconds(2);
    forged.lease_end = forged.granted_at + seconds(90);
    if (forged.dispatcher_life != 0) return yes(message, forged, turn);
  }
  if (answer.why == wire::Wait::kNotBefore || answer.why == wire::Wait::kBackoff) {
    retry(message, answer.until, turn);
    return;
  }
  const bool everybody = is_shared(*key.shard, answer.limit) || config_.mutations.one_key_stops_all;
  if (is_unfit(answer)) {
    close_all(*key.shard, answer, when(answer.until, turn.now));
    key.shard->limit_again = turn.now + config_.ask_latest;
  } else {
    everybody ? refused_all(key, answer, turn) : refused(key, answer, turn);
  }
  put_back(message, turn);
}

// A limit of the whole upstream is full: nobody is asked for before it opens, and this key's turn
// stays the next.
void LimiterCore::refused_all(Key& key, const GrantAnswer& answer, const Turn& turn) {
  Shard& shard = *key.shard;
  MARK("limiter: a shared limit is full");
  Turns<Key>::keep(key.standing);
  const StoreTime before = shard.limit == answer.limit ? shard.limit_until : StoreTime{};
  shard.limit = answer.limit;
  shard.limit_until = answer.until;
  shard.limit_again = turn.now + config_.ask_latest;
  shard.limit_why = answer.why;
  if (answer.until.us == 0) shard.crowded_until = turn.now + config_.look_again;
  if (config_.shares_store) share(shard, before, turn.now);
  shard.look = true;
}

// Others may be served by the same limit, and end what keeps it full: nobody tells this limiter.
void LimiterCore::share(Shard& shard, StoreTime before, Instant now) {
  const auto& limits = shard.upstream->limits;
  const auto limit = std::find_if(limits.begin(), limits.end(),
                                  [&](const Limit& one) { return one.name == shard.limit; });
  const bool opened = before.us != 0 && when(before, now) <= now;
  if (shard.limit_why == wire::Wait::kInFlight) {
    shard.way.refused(limit != limits.end() && shard.open < limit->n, now);
    shard.limit_until = {};
    shard.crowded_until = now + prng_.between(config_.share_again, config_.share_again * 2);
    return;
  }
  shard.way.refused(opened && shard.way.overtaken(), now);
  if (limit == limits.end() || !shard.way.gives(shard.due.round(), now)) return;
  MARK("limiter: others may go first when a shared limit opens");
  const Duration apart = (limit->window + limit->guard) / std::max<std::int64_t>(1, limit->n);
  const Duration moment = std::clamp(apart / 50, milliseconds(2), config_.share_again);
  shard.crowded_until = when(shard.limit_until, now) + moment;
}

bool LimiterCore::is_shared(const Shard& shard, const std::string& limit) {
  const auto& limits = shard.upstream->limits;
  if (limit == kTold) {  // of the upstream as a whole, unless a limit of keys counts for real
    return std::none_of(limits.begin(), limits.end(), [](const Limit& one) {
      return one.scope == LimitScope::kKey && one.kind == LimitKind::kRate && !one.shadow;
    });
  }
  return std::any_of(limits.begin(), limits.end(), [&](const Limit& one) {
    return one.scope == LimitScope::kUpstream && one.name == limit;
  });
}

void LimiterCore::refused(Key& key, const GrantAnswer& answer, const Turn& turn) {
  key.why = answer.why;
  key.limit = answer.limit;
  key.until = answer.until;
  const Instant latest = turn.now + config_.ask_latest;
  key.ask_at = answer.until.us == 0 ? latest : std::min(latest, when(answer.until, turn.now));
  if (answer.why == wire::Wait::kInFlight) {
    // The store knows an open attempt of this key. If it is none of ours, some message here has
    // it: the next one is asked for, until the store names it (kUnderway). If it is ours, the head
    // stays the head: after a penalty fewer may be under way than settings say.
    if (open_attempts(key) == 0 && answer.limit.empty()) {
      MARK("limiter: an open attempt of a key is not known here");
      ++key.skip;
    }
    key.ask_at = std::min(key.ask_at, turn.now + config_.look_again);
  } else {
    key.skip = 0;
  }
  if (answer.why == wire::Wait::kClockUnsure || answer.why == wire::Wait::kStoreDown) {
    MARK("limiter: the store does not trust its word for time");
    clock_due_ = turn.now;
    key.ask_at = turn.now + config_.store_retry;
    key.shard->ends_at = key.ask_at;
  }
  if (answer.why == wire::Wait::kPaused) say_opening_again(*key.shard, key.name, turn);
  // A closed store settles nothing either, not even what has expired.
  if (answer.why == wire::Wait::kClosure) {
    key.shard->ends_at = turn.now + config_.look_again;
    key.shard->greet = true;  // its answer says how long the whole shard is closed
  }
  key.ask_at = std::max(key.ask_at, turn.now + milliseconds(1));
}

// Gives back the room that was kept at a dispatcher.
void LimiterCore::release(Message& message) {
  if (message.reserved_at == 0) return;
  peers_.release(message.reserved_at, message.key->shard->upstream->name);
  message.reserved_at = 0;
  message.key->shard->look = true;
}

}  // namespace sluice::limiter
