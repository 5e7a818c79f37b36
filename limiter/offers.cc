// Messages come into a line and leave it: the limiter's side of the five rules of design 4.2.
#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/mark.h"
#include "limiter/core.h"

namespace sluice::limiter {

namespace {

std::size_t weight_of(const Message& message) { return message.offer.letter.bytes() + 1024; }

// How long the slowest rate makes one message wait for the one before it.
Duration apart(const Upstream& upstream) {
  Duration most;
  for (const Limit& limit : upstream.limits) {
    if (limit.kind != LimitKind::kRate || limit.shadow) continue;
    most = std::max(most, (limit.window + limit.guard) / std::max<std::int64_t>(1, limit.n));
  }
  return most;
}

}  // namespace

void LimiterCore::item(wire::PeerId peer, const wire::Offer& offer, const Turn& turn) {
  ++counts_.offered;
  if (IngestPeer* ingest = peers_.ingest(peer); ingest != nullptr && !offer.store.empty()) {
    ingest->stores.insert(offer.store);
  }
  Shard* shard = shard_of(offer.upstream);
  if (shard == nullptr) {
    unknown_upstream(offer.upstream);
    send(peer, wire::Park{offer.identity, offer.key, offer.origin, wire::Wait::kUnloaded, {}},
         turn);
    return;
  }
  if (draining_ && find(offer.identity) == nullptr) {
    MARK("limiter: an offer comes while it drains");
    return;  // said before its ingest heard that the keys are others'
  }
  Key& key = key_of(*shard, offer.key);
  touch(key);
  if (offer.want_id != 0) key.rows.came(offer.want_id, offer.order);
  if (Message* known = find(offer.identity)) {
    offered_again(*known, peer, offer, turn);
    return;
  }
  if (const auto why = unwelcome(key, offer, turn.now)) {
    if (offer.origin == wire::Origin::kRow) {
      cut(key, offer.store, offer.order, turn.now);
    }
    turn_away(peer, offer, *why, turn);
    return;
  }
  Message& message = add(key, peer, offer);
  if (offer.want_id != 0) key.rows.brought(offer.want_id);
  // Settled and told a moment ago: its row was read before that. In the line it would stand before
  // what really waits, until its key's turn comes.
  if (offer.cancelled || told_key_.contains(offer.identity)) {
    key.out.push_back(&message);
    out_of_turn(message);
  } else {
    into_line(message, turn);
  }
}

void LimiterCore::offered_again(Message& message, wire::PeerId peer, const wire::Offer& offer,
                                const Turn& turn) {
  if (message.offer.letter.content_hash() != offer.content_hash) {
    MARK("limiter: one identity is offered with two contents");
    // Same identity, other bytes: parking tells them apart, by a conditional put.
    ++counts_.conflicts;
    send(peer, wire::Park{offer.identity, offer.key, offer.origin, wire::Wait::kBehind, {}}, turn);
    return;
  }
  hold_for(message, peer, offer.origin);
  message.withdrawn = false;
  touch(*message.key);
  if (offer.origin == wire::Origin::kRow && message.offer.origin == wire::Origin::kQueueCopy) {
    MARK("limiter: a queue copy in the line has become a row");
    message.offer.origin = wire::Origin::kRow;
    bytes_ -= weight_of(message);
    message.offer.letter = Letter(offer);  // which names the store that has the row
    bytes_ += weight_of(message);
  }
  if (!offer.cancelled || message.offer.cancelled) return;
  MARK("limiter: a message is cancelled while it is here");
  message.offer.cancelled = true;
  if (message.state != State::kWaiting) return;
  take_out(message);
  out_of_turn(message);
}

// Rule 4: a key that has rows takes only from its rows. A queue copy may sit here only if it will
// go soon; a row only if it belongs to the head.
std::optional<wire::Wait> LimiterCore::unwelcome(const Key& key, const wire::Offer& offer,
                                                 Instant now) const {
  // What goes out of turn is in no line, whose last could leave for it.
  const bool beside = offer.cancelled || told_key_.contains(offer.identity);
  if (beside && no_room() && key.messages() > 0) {
    MARK("limiter: memory is full for a message that is out of turn");
    return wire::Wait::kUnloaded;
  }
  if (offer.cancelled) return std::nullopt;
  const bool copy = offer.origin == wire::Origin::kQueueCopy;
  if (!copy && key.rows.is_cut(offer.store, offer.order)) {
    MARK("limiter: a row behind one that had no room");
    return wire::Wait::kUnloaded;
  }
  const bool full = key.line.size() >= line_max(key);
  if (full && (config_.mutations.no_overflow || key.line.last()->order <= offer.order)) {
    MARK("limiter: a line is full");
    return copy ? wire::Wait::kBehind : wire::Wait::kUnloaded;
  }
  // Without room, what belongs before the last of the line takes its place.
  const bool before_last = !key.line.empty() && offer.order < key.line.last()->order;
  if (no_room() && !before_last && (copy || key.messages() > 0)) {
    MARK("limiter: memory is full");
    return wire::Wait::kUnloaded;
  }
  if (!copy) return std::nullopt;
  if (key.rows.any() && !config_.mutations.copies_beside_rows) {
    MARK("limiter: a queue copy of a key that has rows");
    return wire::Wait::kBehind;
  }
  const auto known = bounds(now);
  if (!known) return std::nullopt;
  if (offer.not_before > known->high + config_.hold_horizon) {
    MARK("limiter: a queue copy that is to go much later");
    return wire::Wait::kNotBefore;
  }
  if (const auto hold = closed(key, known->low); hold && is_far(*hold, *known)) {
    MARK("limiter: a queue copy of a key that is closed for long");
    return hold->why;
  }
  const auto before = static_cast<std::int64_t>(key.messages());
  if (apart(*key.shard->upstream) * before > config_.hold_horizon) {
    MARK("limiter: a queue copy behind many of its key");
    return wire::Wait::kBehind;
  }
  return std::nullopt;
}

void LimiterCore::turn_away(wire::PeerId peer, const wire::Offer& offer, wire::Wait why,
                            const Turn& turn) {
  ++counts_.parked;
  send(peer, wire::Park{offer.identity, offer.key, offer.origin, why, {}}, turn);
}

Message& LimiterCore::add(Key& key, wire::PeerId peer, const wire::Offer& offer) {
  auto made = std::make_unique<Message>();
  Message& message = *made;
  message.number = ++last_message_;
  message.offer = Offered(offer);
  message.key = &key;
  message.order = offer.order;
  message.attempts = offer.attempts;
  if (offer.in_order) ++key.in_order;
  bytes_ += weight_of(message);
  messages_.insert(std::move(made));
  hold_for(message, peer, offer.origin);
  return message;
}

void LimiterCore::into_line(Message& message, const Turn& turn) {
  Key& key = *message.key;
  const bool copy = message.offer.origin == wire::Origin::kQueueCopy;
  key.line.insert(message);
  touch(key);
  if (copy && key.rows.any() && !config_.mutations.copies_beside_rows) {
    MARK("limiter: a queue copy comes back to a key that has rows");
    let_go(message, wire::Wait::kBehind, StoreTime{}, turn);
    return;
  }
  overflow(key, turn);
}

// Rule 3: the last in order leaves. A queue copy is parked by who holds it, a row stays a row.
void LimiterCore::overflow(Key& key, const Turn& turn) {
  if (config_.mutations.no_overflow) return;
  const std::size_t most = key.asleep ? line_max(key) : key.shard->line_max;
  while (key.line.size() > most ||
         (key.line.size() > 1 && messages_.size() > config_.messages_max)) {
    const bool copies_stay = config_.mutations.copies_beside_rows;
    Message* leaves = copies_stay ? key.line.last_row() : key.line.last();
    MARK("limiter: the last of a full line leaves it");
    let_go(*leaves, wire::Wait::kUnloaded, StoreTime{}, turn);
  }
}

void LimiterCore::let_go(Message& message, wire::Wait why, StoreTime due, const Turn& turn) {
  ++counts_.parked;
  const Offered& offer = message.offer;
  const std::string& key = message.key->name;
  for (const Holder& holder : message.holders) {
    send(holder.peer, wire::Park{offer.identity, key, holder.origin, why, due}, turn);
  }
  if (offer.origin == wire::Origin::kRow) {
    message.key->rows.let_go(offer.letter.store());
    if (why == wire::Wait::kUnloaded) {
      cut(*message.key, offer.letter.store(), message.order, turn.now);
    }
    const auto peer = peers_.ingest_of(offer.letter.store());
    if (message.holders.empty() && due.us != 0 && peer) {
      MARK("limiter: a row is given its due time by an ingest that did not offer it");
      send(*peer, wire::Park{offer.identity, key, offer.origin, why, due}, turn);
    }
  }
  forget(message);
}

// A row had no room. When that is memory's, asking at once for what would be let go again is a
// circle: lines shrink, which makes room, for which all of them ask.
void LimiterCore::cut(Key& key, std::string_view store, std::int64_t order, Instant now) {
  key.rows.cut(store, order, tight() ? now + config_.want_again : now);
}

void LimiterCore::park_copies(Key& key, wire::Wait why, const Turn& turn) {
  for (Message* copy : key.line.queue_copies()) {
    MARK("limiter: a queue copy leaves a line");
    let_go(*copy, why, StoreTime{}, turn);
  }
}

// Out of the line, and asked for without waiting for its key's turn: its end is what is asked.
void LimiterCore::out_of_turn(Message& message) {
  message.state = State::kQueued;
  message.key->shard->out_of_turn.push_back(&message);
  message.key->shard->look = true;
}

void LimiterCore::take_out(Message& message) {
  CHECK(message.state == State::kWaiting);
  message.key->line.erase(message);
  message.key->out.push_back(&message);
  touch(*message.key);
}

void LimiterCore::put_back(Message& message, const Turn& turn) {
  if (draining_ || message.withdrawn) {
    MARK("limiter: what was under way is another limiter's now");
    return forget(message);
  }
  std::erase(message.key->out, &message);
  if (message.offer.cancelled) {
    message.key->out.push_back(&message);
    out_of_turn(message);
    return;
  }
  into_line(message, turn);
}

void LimiterCore::forget(Message& message) {
  Key& key = *message.key;
  CHECK(message.flight == nullptr && message.reserved_at == 0);
  CHECK(message.state != State::kQueued);  // out of turn it is on its way to the store
  if (message.state == State::kWaiting) {
    key.line.erase(message);
  } else {
    std::erase(key.out, &message);
  }
  unhold_all(message);
  attempt_timers_.clear(Numbered(message), message.look_at);
  bytes_ -= weight_of(message);
  if (message.offer.in_order) --key.in_order;
  touch(key);
  const auto at = messages_.find(name_of(message));
  CHECK(at != messages_.end());
  messages_.erase(at);
}

void LimiterCore::hold_for(Message& message, wire::PeerId peer, wire::Origin origin) {
  IngestPeer* ingest = peers_.ingest(peer);
  if (ingest == nullptr) return;
  for (Holder& holder : message.holders) {
    if (holder.peer != peer) continue;
    holder.origin = origin;
    return;
  }
  message.holders.push_back({peer, origin});
  ingest->held.add(message.offer.identity);
}

void LimiterCore::unhold(Message& message, wire::PeerId peer) {
  const auto at = std::find_if(message.holders.begin(), message.holders.end(),
                               [&](const Holder& holder) { return holder.peer == peer; });
  if (at == message.holders.end()) return;
  if (IngestPeer* ingest = peers_.ingest(peer)) ingest->held.remove(message.offer.identity);
  message.holders.erase(at);
}

void LimiterCore::unhold_all(Message& message) {
  for (const Holder& holder : message.holders) {
    if (IngestPeer* ingest = peers_.ingest(holder.peer)) {
      ingest->held.remove(message.offer.identity);
    }
  }
  message.holders.clear();
}

bool LimiterCore::no_room() const {
  return messages_.size() >= config_.messages_max || bytes_ >= config_.bytes_max;
}

bool LimiterCore::tight() const {
  return messages_.size() > config_.messages_max / 2 || bytes_ > config_.bytes_max / 2;
}

// When memory is tight, lines are short, and a key that sleeps keeps only its head.
std::size_t LimiterCore::line_max(const Key& key) const {
  if (!tight()) return key.shard->line_max;
  MARK("limiter: memory is tight");
  return key.asleep ? 1 : std::min<std::size_t>(4, key.shard->line_max);
}

bool LimiterCore::is_far(const Refusal& refusal, const StoreBounds& known) const {
  return refusal.until.us == 0 || refusal.until > known.high + config_.hold_horizon;
}

}  // namespace sluice::limiter
