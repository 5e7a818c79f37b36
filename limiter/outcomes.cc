// How attempts ended, and how messages end: written by the store, recorded in the trail, told.
#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/mark.h"
#include "limiter/backoff.h"
#include "limiter/core.h"

namespace sluice::limiter {

void LimiterCore::item(wire::PeerId peer, const wire::Outcome& outcome, const Turn& turn) {
  if (shard_of(outcome.upstream) == nullptr) {
    return unknown_upstream(outcome.upstream);
  }
  complete_attempt(outcome, peer, turn);
}

// Any outcome of any life's attempt is written: the store knows what it means. The same one again,
// while it is being written, only adds who is to be told.
void LimiterCore::complete_attempt(const wire::Outcome& outcome, std::optional<wire::PeerId> from,
                                   const Turn& turn) {
  const auto [at, fresh] = completing_.try_emplace(outcome.attempt);
  auto& tell = at->second.tell;
  if (from && std::find(tell.begin(), tell.end(), *from) == tell.end()) tell.push_back(*from);
  if (!fresh) {
    MARK("limiter: an outcome comes again while it is being written");
    return;
  }
  ++counts_.ended[std::min<std::size_t>(static_cast<std::size_t>(outcome.ended), 6)];
  Message* message = find(outcome.attempt.identity);
  std::uint32_t attempts = 0;
  if (message != nullptr) attempts = message->attempts;
  if (message != nullptr && message->flight && message->flight->serial == outcome.attempt.serial) {
    message->state = State::kCompleting;
    attempt_timers_.clear(Numbered(*message), message->look_at);
  } else {
    MARK("limiter: an outcome of an attempt that is not open here");
    ++counts_.orphans;
  }
  Shard& shard = *shard_of(outcome.upstream);
  if (outcome.ended == wire::Ended::kThrottled) warned(outcome, turn);
  shard.completions.push_back({outcome, consequence_of(outcome, attempts, *shard.upstream, prng_)});
}

// An outcome may come without its Penalty: it was said to another life, or was lost.
void LimiterCore::warned(const wire::Outcome& outcome, const Turn& turn) {
  item(wire::PeerId{},
       wire::Penalty{outcome.upstream, outcome.key, outcome.told_to_wait, outcome.retry_after,
                     outcome.abnormal},
       turn);
}

void LimiterCore::completed(const Complete& call, const CompleteReply& reply, const Turn& turn) {
  if (reply.answers.size() != call.completions.size()) {
    calls_.again_at(call, turn.now + config_.store_retry);
    return;
  }
  for (std::size_t i = 0; i < reply.answers.size(); ++i) {
    completed_one(call.completions[i], reply.answers[i], turn);
  }
}

void LimiterCore::completed_one(const Completion& completion, const CompleteAnswer& answer,
                                const Turn& turn) {
  const wire::Outcome& outcome = completion.outcome;
  const wire::Attempt& attempt = outcome.attempt;
  take_outbox(answer.outbox);
  if (auto done = completing_.extract(attempt); !done.empty()) {
    for (const wire::PeerId peer : done.mapped().tell) {
      send(peer, wire::Completed{attempt}, turn);
    }
  }
  Shard& shard = *shard_of(outcome.upstream);
  if (answer.closed_until.us != 0) close_key(shard, outcome.key, answer.closed_until, turn);
  Key* key = find_key(shard, outcome.key);
  const bool succeeded = outcome.ended == wire::Ended::kDelivered && answer.closed_until.us == 0;
  if (key != nullptr && succeeded) forgive(*key);
  ended_one(shard, key, turn.now);
  if (outcome.ended == wire::Ended::kNotStarted) slot_is_free(shard, key, turn.now);
  Message* message = find(attempt.identity);
  if (message == nullptr) return;
  foresee_anew(*message->key);
  if (message->flight && message->flight->serial == attempt.serial) {
    land(*message, turn.now);
    message->attempts = answer.attempts;
    if (answer.settled) {
      finish(*message, answer.end, turn);
    } else {
      retry(*message, answer.due, turn);
    }
  } else if (message->state == State::kAsked) {
    MARK("limiter: an outcome is written while its message is asked for");
    message->completed_serial = attempt.serial;
  } else if (answer.settled && message->state == State::kWaiting) {
    MARK("limiter: a late outcome ends a waiting message");
    // Perhaps: an outcome names an identity alone, which may be another's by now. The store knows.
    take_out(*message);
    out_of_turn(*message);
  }
}

void LimiterCore::forgive(Key& key) {
  if (!key.warned) return;
  key.warned = false;
  touch(key);
}

// What became of an attempt whose outcome has not come? Its dispatcher is asked as long as it
// lives; when the lease has ended, the store is asked, and gives it up as unknown.
void LimiterCore::look_at_attempt(Message& message, const Turn& turn) {
  if (message.state != State::kUnderway || !message.flight) return;
  const Flight& flight = *message.flight;
  const auto known = bounds(turn.now);
  if (known && known->low >= flight.lease_end) {
    MARK("limiter: a lease ends without an outcome");
    land(message, turn.now);
    ended_one(*message.key->shard, message.key, turn.now);
    out_of_turn(message);
    return;
  }
  Instant next = when(flight.lease_end, turn.now);
  if (const auto peer = peers_.dispatcher_of(flight.dispatcher_life)) {
    const wire::Attempt attempt{message.offer.identity, flight.serial};
    const Key& key = *message.key;
    send(*peer, wire::Asked{attempt, key.shard->upstream->name, key.name, flight.lease_end}, turn);
    next = std::min(next, turn.now + config_.asked_again);
  }
  attempt_timers_.set(Numbered(message), message.look_at,
                      std::max(next, turn.now + milliseconds(1)));
}

// The attempt is no longer open, as far as this process is concerned.
void LimiterCore::land(Message& message, Instant now) {
  CHECK(message.flight != nullptr);
  const Flight flight = *message.flight;
  message.flight.reset();
  attempt_timers_.clear(Numbered(message), message.look_at);
  if (flight.dispatched) {
    peers_.dispatched(flight.dispatcher_life).remove(message.offer.identity);
  }
  const auto at = flights_.find(flight.dispatcher_life);
  at->second.erase(Numbered(message));
  if (at->second.empty()) flights_.erase(at);
  --underway_;
  --message.key->shard->open;
  release(message);
  peers_.sweep(flight.dispatcher_life);
  freed(*message.key, now);
  message.key->skip = 0;
}

// What waits for that could not go before.
void LimiterCore::freed(Key& key, Instant now) const {
  if (const auto known = bounds(now)) key.freed_at = known->high;
}

// An attempt has ended, whoever made it: what waited for that, or for the upstream's next word, is
// asked for anew.
void LimiterCore::ended_one(Shard& shard, Key* key, Instant now) {
  const bool told = shard.limit == kTold;
  const bool crowd = shard.limit_why == wire::Wait::kInFlight;
  if (crowd && config_.shares_store && shard.way.gives(shard.due.round(), now)) {
    MARK("limiter: others may go first when an attempt has ended");
    shard.crowded_until = now + config_.share_again * 3;
  } else if (crowd || told) {
    limit_opens(shard, now);
  }
  if (key == nullptr) return;
  if (key->why == wire::Wait::kInFlight || key->limit == kTold) ask_anew(*key, now);
  touch(*key);
}

// It was never started, and its slot is free in every log: what was refused for want of one is
// asked for anew.
void LimiterCore::slot_is_free(Shard& shard, Key* key, Instant now) {
  limit_opens(shard, now);
  if (key != nullptr) ask_anew(*key, now);
}

// What kept it until then, as was said, keeps it no longer than now.
void LimiterCore::ask_anew(Key& key, Instant now) {
  key.ask_at = Instant{};
  if (const auto known = bounds(now)) key.until = std::min(key.until, known->high);
  touch(key);
}

void LimiterCore::limit_opens(Shard& shard, Instant now) {
  if (const auto known = bounds(now)) {
    const bool crowded = shard.crowded_until > now;
    const StoreTime until = crowded ? known->high : std::min(shard.limit_until, known->high);
    shard.kept_until = std::max(shard.kept_until, until);
  }
  shard.limit_until = StoreTime{};
  shard.crowded_until = Instant{};
  shard.look = true;
}

// It waits for its next attempt: here, when that is soon, at the place that it had, so that what is
// urgent stays so; else as a row with the order of that time. What goes in order keeps its place,
// and with it those behind it.
void LimiterCore::retry(Message& message, StoreTime due, const Turn& turn) {
  const auto known = bounds(turn.now);
  const StoreTime low = known ? known->low : due;
  message.ready_at = due;
  const bool stays = message.offer.in_order && !config_.mutations.retry_gives_way;
  if (stays) MARK("limiter: what goes in order waits for its next attempt at its place");
  const bool later = due.us > message.offer.order + config_.park_after.us;
  if (later && due > low + config_.park_after && !message.offer.cancelled && !stays) {
    MARK("limiter: a retry leaves the line until it is due");
    let_go(message, wire::Wait::kBackoff, due, turn);
    return;
  }
  put_back(message, turn);
}

void LimiterCore::finish(Message& message, const End& end, const Turn& turn) {
  message.state = State::kEnding;
  message.end = std::make_unique<End>(end);
  ++counts_.settled[std::min<std::size_t>(static_cast<std::size_t>(end.settlement), 4)];
  touch(*message.key);
  if (message.offer.in_order) freed(*message.key, turn.now);
  if (message.offer.stops_dead && end.settlement == wire::Settlement::kDead) {
    stop_behind(message, turn);
  }
  tell_if_recorded(message, turn);
}

// P5: the message is forgotten by its queue only after all its lines are in the trail.
void LimiterCore::tell_if_recorded(Message& message, const Turn& turn) {
  const Offered& offer = message.offer;
  if (trail_.waits(offer.identity) && !config_.mutations.settle_before_record) return;
  const End& end = *message.end;
  const wire::Settled settled{offer.identity,
                              message.key->name,
                              message.key->shard->upstream->name,
                              end.settlement,
                              end.reason,
                              end.status,
                              end.attempts,
                              end.at,
                              end.answer,
                              std::string(offer.letter.content_hash())};
  const auto served = peers_.ingest_of(offer.letter.store());
  if (message.holders.empty() && offer.origin == wire::Origin::kRow && served) {
    MARK("limiter: a row is settled by an ingest that did not offer it");
    send(*served, settled, turn);  // any ingest of that store deletes the row
  }
  for (const Holder& holder : message.holders) send(holder.peer, settled, turn);
  const ToldOf told{message.key, std::string(offer.letter.store())};
  if (!message.rowless && told_key_.try_emplace(offer.identity, told).second) {
    ++message.key->told;
    told_.push_back({turn.now, offer.identity});
  }
  forget(message);
}

void LimiterCore::take_outbox(const std::vector<wire::Record>& outbox) {
  for (const wire::Record& line : outbox) trail_.add(line, true);
}

void LimiterCore::item(wire::PeerId peer, const wire::Recorded& recorded, const Turn& turn) {
  const auto gone = trail_.recorded(recorded.record_id);
  if (!gone) return limits_out_.recorded(peer, recorded.record_id);
  if (recorded.written == wire::Written::kRefused) ++counts_.lines_refused;
  for (auto& [name, shard] : shards_) {
    if (shard.why == wire::Wait::kAuditorAway) shard.look = true;
  }
  Shard* shard = shard_of(gone->line.upstream);
  if (gone->from_store && shard != nullptr) {
    shard->emptied.push_back(Emptied::Line::of(gone->line));
  }
  if (!gone->last_of_message) return;
  Message* message = find(gone->message);
  if (message != nullptr && message->state == State::kEnding) tell_if_recorded(*message, turn);
}

// P7: the key closes here at once, and everything of it that was dispatched is recalled. While
// store time is not known nothing leaves, and what was dispatched is recalled for the moment.
void LimiterCore::item(wire::PeerId, const wire::Penalty& penalty, const Turn& turn) {
  Shard* shard = shard_of(penalty.upstream);
  if (shard == nullptr) return;
  const Upstream& upstream = *shard->upstream;
  const Duration wait = penalty.told_to_wait ? std::max(penalty.retry_after, upstream.backoff_base)
                                             : upstream.penalty_base;
  Warning& warning = warnings_[{penalty.upstream, penalty.key}];
  warning.until = std::max(warning.until, turn.now + wait);
  warning.abnormal |= penalty.abnormal;
  if (bounds(turn.now)) return close_by_warnings(turn);
  MARK("limiter: a warning is told while store time is not known");
  recall({penalty.upstream, penalty.key, StoreTime{}}, turn);
}

void LimiterCore::recall(const wire::Recall& recall, const Turn& turn) {
  for (const auto& [peer, dispatcher] : peers_.dispatchers()) send(peer, recall, turn);
}

void LimiterCore::close_by_warnings(const Turn& turn) {
  const StoreTime high = bounds(turn.now)->high;
  for (const auto& [name, warning] : std::exchange(warnings_, {})) {
    Shard& shard = *shard_of(name.first);
    close_key(shard, name.second, high + (warning.until - turn.now), turn);
    if (warning.abnormal) stop_abnormal(shard, name.second, turn);
  }
}

void LimiterCore::close_key(Shard& shard, const std::string& name, StoreTime until,
                            const Turn& turn) {
  Holds& holds = holds_of(shard, name);
  // What the store keeps closed until a person opens it (abnormal usage) is the store's to refuse:
  // nobody could tell this process that it is open again if the person's word went by another.
  const bool by_a_person = until >= StoreTime::never();
  if (!by_a_person && !holds.penalise(until)) return;
  const Refusal hold{wire::Wait::kPenalty, until};
  recall({shard.upstream->name, name, recall_end(shard, hold, turn.now)}, turn);
  if (lasts(until, turn.now)) {
    MARK("limiter: a penalty is put into parking");
    const wire::Recall closed{shard.upstream->name, name, until};
    for (const auto& [peer, ingest] : peers_.ingests()) send(peer, closed, turn);
  }
  if (name.empty()) return touch_all(shard);
  Key& key = key_of(shard, name);
  key.warned = true;
  foresee_anew(key);
}

// The upstream spoke of abnormal usage: closed until a person opens it.
void LimiterCore::stop_abnormal(Shard& shard, const std::string& name, const Turn& turn) {
  if (holds_of(shard, name).paused_for_ever()) return;
  MARK("limiter: abnormal usage stops a key");
  const wire::Hold word{wire::HoldKind::kPause, StoreTime{}, "abnormal_usage",
                        said_now(shard, name, turn.now)};
  shard.words.hear(name, word);
  stop_key(shard, name, word, turn);
}

// Before anything behind it can be asked for. Said as of its death, as its parking says it together
// with the dead letter: who has opened the key since then has the last word.
void LimiterCore::stop_behind(const Message& message, const Turn& turn) {
  Shard& shard = *message.key->shard;
  const wire::Hold word{wire::HoldKind::kPause, StoreTime{}, wire::kDeadMessage, message.end->at};
  if (!shard.words.hear(message.key->name, word)) return;
  MARK("limiter: a dead message stops its key");
  stop_key(shard, message.key->name, word, turn);
}

// In every parking, too.
void LimiterCore::stop_key(Shard& shard, const std::string& name, const wire::Hold& word,
                           const Turn& turn) {
  close_by_word(shard, name, word, turn);
  tell_others({shard.upstream->name, name, word}, wire::PeerId{}, turn);
  const SetHold call{shard.upstream->name, name, true, word};
  record_hold(call, word.by.c_str(), turn.now);
  say(call, turn);
}

}  // namespace sluice::limiter
