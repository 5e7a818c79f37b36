// What people want of keys: pause, resume, consume, cancel. What they say is in the store before it
// is answered.
#include <algorithm>
#include <utility>

#include "lib/base/mark.h"
#include "limiter/core.h"

namespace sluice::limiter {

void LimiterCore::item(wire::PeerId peer, const wire::Control& control, const Turn& turn) {
  const std::uint64_t id = control.control_id;
  if (shard_of(control.upstream) == nullptr) {
    return controlled(peer, id, "no upstream of this name: " + control.upstream, turn);
  }
  switch (control.verb) {
    case wire::Verb::kPause:
    case wire::Verb::kResume:
      return set_hold(control, peer, turn);
    case wire::Verb::kCancel:
      return cancel(peer, control, turn);
    case wire::Verb::kConsume:
      return consume(control, peer, turn);
    case wire::Verb::kEditLimits:
    case wire::Verb::kLookLimits:
      return control_limits(control, peer, turn);
  }
}

void LimiterCore::controlled(wire::PeerId peer, std::uint64_t id, const std::string& error,
                             const Turn& turn) {
  send(peer, wire::Controlled{id, error.empty(), error}, turn);
}

// The store has not answered in time; it is still asked.
void LimiterCore::give_up_controls(const Turn& turn) {
  const auto over = [&](const Controlling& one) {
    if (one.until > turn.now) return false;
    controlled(one.peer, one.control_id,
               "the store has not answered: it is not known whether this holds; say it again",
               turn);
    return true;
  };
  for (auto& [hold, waiting] : controlling_) std::erase_if(waiting, over);
  std::erase_if(controlling_, [](const auto& entry) { return entry.second.empty(); });
  std::erase_if(consuming_, [&](const auto& entry) { return over(entry.second); });
  std::erase_if(limits_asked_, [&](const auto& entry) { return over(entry.second); });
}

void LimiterCore::set_hold(const wire::Control& control, wire::PeerId peer, const Turn& turn) {
  Shard& shard = *shard_of(control.upstream);
  const bool closed = control.verb == wire::Verb::kPause;
  wire::Hold word{wire::HoldKind::kPause, closed ? control.until : wire::kOpened, control.by,
                  control.said_at};
  if (word.said_at.us == 0) word.said_at = said_now(shard, control.key, turn.now);
  const wire::Hold* last = shard.words.of(control.key);
  if (last != nullptr && wire::is_later(*last, word)) {
    return say_stale(peer, control.control_id, *last, turn);
  }
  if (closed) {
    shard.words.hear(control.key, word);
    close_by_word(shard, control.key, word, turn);
  }
  if (is_off_record(control, peer, turn)) return;  // a pause holds here, and in parking
  shard.words.hear(control.key, word);
  tell_others({control.upstream, control.key, word}, peer, turn);
  controlling_[{control.upstream, control.key}].push_back(
      {peer, control.control_id, turn.now + config_.store_again * 2, word.said_at});
  SetHold call{control.upstream, control.key, closed, std::move(word)};
  const bool is_stop = closed && call.hold.by == wire::kDeadMessage;
  record_hold(call, is_stop ? wire::kDeadMessage : closed ? "pause" : "resume", turn.now);
  calls_.drop_holds(call.upstream, call.key);
  say(std::move(call), turn);
}

void LimiterCore::say_stale(wire::PeerId peer, std::uint64_t id, const wire::Hold& later,
                            const Turn& turn) {
  MARK("limiter: a later word is known than the one that is said");
  wire::Controlled stale{id, false, "a later word about it is known"};
  stale.stale = true;
  stale.by = later.by;
  stale.at = later.said_at;
  send(peer, std::move(stale), turn);
}

bool LimiterCore::trail_full() const {
  return trail_.size() >= config_.unrecorded_max + config_.words_max;
}

// What a person does brings a line for the trail, and not even its reserve has room for it.
bool LimiterCore::is_off_record(const wire::Control& control, wire::PeerId peer, const Turn& turn) {
  if (!trail_full()) return false;
  MARK("limiter: no room for the line of what a person does");
  controlled(peer, control.control_id, "the auditor is away: say it again", turn);
  return true;
}

// A recall cannot be taken back. What a person may open any time is recalled for a moment only:
// grants live no longer than that, and none is handed out while the hold stands here.
StoreTime LimiterCore::recall_end(const Shard& shard, const Refusal& hold, Instant now) const {
  const bool any_time = hold.why == wire::Wait::kPaused || hold.until >= StoreTime::never();
  if (!any_time) return hold.until;
  const auto known = bounds(now);
  if (!known) return {};
  const StoreTime moment = known->high + shard.upstream->start_window;
  return hold.until.us == 0 ? moment : std::min(hold.until, moment);
}

void LimiterCore::hold_written(const SetHold& call, const Acknowledged& done, const Turn& turn) {
  Shard* shard = shard_of(call.upstream);
  if (shard == nullptr) return;
  if (call.hold.kind == wire::HoldKind::kClosure) {
    shard->opening.marked(call.hold.by);
    return touch_all(*shard);
  }
  const wire::Hold* last = shard->words.of(call.key);
  const bool is_last = last == nullptr || last->said_at == call.hold.said_at;
  const bool written = done.later_word.us == 0;
  if (!written) shard->words.overtaken(call.key, call.hold.said_at);
  if (!call.closed && is_last && written) reopen(*shard, call.key, turn.now);
  const auto at = controlling_.find({call.upstream, call.key});
  if (at == controlling_.end()) return;
  const wire::Hold later{wire::HoldKind::kPause, {}, done.later_by, done.later_word};
  std::erase_if(at->second, [&](const Controlling& one) {
    if (one.said_at != call.hold.said_at) return false;
    if (written) controlled(one.peer, one.control_id, "", turn);
    if (!written) say_stale(one.peer, one.control_id, later, turn);
    return true;
  });
  if (at->second.empty()) controlling_.erase(at);
}

// Sends that were made elsewhere: said to the store until it has charged them, once.
void LimiterCore::consume(const wire::Control& control, wire::PeerId peer, const Turn& turn) {
  const auto& limits = shard_of(control.upstream)->upstream->limits;
  const bool charged = std::any_of(limits.begin(), limits.end(), [&](const Limit& limit) {
    const bool applies = limit.scope == LimitScope::kUpstream || !control.key.empty();
    return applies && limit.kind == LimitKind::kRate;
  });
  if (!charged || control.amount == 0) {
    const char* why = control.amount == 0 ? "amount: how many were sent, at least 1"
                                          : "no limit counts it: nothing was charged";
    return controlled(peer, control.control_id, why, turn);
  }
  if (is_off_record(control, peer, turn)) return;
  Consume call;
  call.upstream = control.upstream;
  call.key = control.key;
  call.units = control.amount;
  call.id = random_id();
  call.by = control.by;
  consuming_[call.id] = {peer, control.control_id, turn.now + config_.store_again * 2, {}};
  if (const auto from = caller(turn.now)) {
    call.caller = *from;
    say(std::move(call), turn);
  } else {
    calls_.again_at(std::move(call), turn.now + config_.store_retry);
  }
}

void LimiterCore::consumed(const Consume& call, const Turn& turn) {
  Shard& shard = *shard_of(call.upstream);
  if (call.key.empty()) {
    touch_all(shard);
  } else if (Key* key = find_key(shard, call.key)) {
    foresee_anew(*key);
  }
  const auto asker = consuming_.extract(call.id);
  if (!asker.empty()) controlled(asker.mapped().peer, asker.mapped().control_id, "", turn);
}

void LimiterCore::reopen(Shard& shard, const std::string& name, Instant now) {
  const auto known = bounds(now);
  if (name.empty()) {
    shard.holds.resume();
    if (known) shard.kept_until = std::max(shard.kept_until, known->high);
    for (Key* key : keys_) {
      if (key->shard == &shard) open_again(*key);
    }
    shard.look = true;
    return;
  }
  Key* key = find_key(shard, name);
  if (key == nullptr) return;
  key->holds.resume();
  if (known) key->until = known->high;
  open_again(*key);
}

// The key's epoch has moved: what the store refused before says nothing any more.
void LimiterCore::open_again(Key& key) {
  key.ask_at = Instant{};
  foresee_anew(key);
}

void LimiterCore::cancel(wire::PeerId peer, const wire::Control& control, const Turn& turn) {
  Message* message = find(control.identity);
  if (message == nullptr) {
    return controlled(peer, control.control_id, "not in the line: cancel it at its ingest", turn);
  }
  if (message->state != State::kWaiting && message->state != State::kQueued) {
    return controlled(peer, control.control_id, "an attempt of it is under way", turn);
  }
  message->offer.cancelled = true;
  if (message->state == State::kWaiting) {
    take_out(*message);
    out_of_turn(*message);
  }
  controlled(peer, control.control_id, "", turn);
}

// 16 bytes.
std::string LimiterCore::random_id() {
  std::string id;
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t half = prng_.next();
    for (int byte = 0; byte < 8; ++byte) {
      id.push_back(static_cast<char>((half >> (8 * byte)) & 0xff));
    }
  }
  return id;
}

// What a person did is on record too; without a store's outbox, as the store keeps the hold itself.
void LimiterCore::record_hold(const SetHold& hold, const char* reason, Instant now) {
  const auto known = bounds(now);
  if (!known) return;
  wire::Record line;
  line.record_id = random_id();
  line.kind = wire::RecordKind::kHold;
  line.at = known->high;
  line.key = hold.key;
  line.upstream = hold.upstream;
  line.reason = reason;
  if (hold.closed) line.until = hold.hold.until;
  line.limiter_life = config_.life;
  trail_.add(line, false);
}

}  // namespace sluice::limiter
