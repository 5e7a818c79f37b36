// Ingest's core: copies received from a queue. A copy is offered while it may go soon, parked when
// the limiter says so, and deleted only after its own put or its settlement (rule 2). What goes
// wrong with a copy's call is left to the queue: the copy comes back when its visibility ends.
#include <algorithm>
#include <utility>

#include "ingest/core.h"
#include "ingest/order.h"
#include "lib/base/mark.h"
#include "lib/wire/identity.h"

namespace sluice::ingest {

namespace {

constexpr Duration kQueueWait = seconds(30);
// A letter that is given up too soon stands there twice.
constexpr Duration kBuryWait = minutes(2);
constexpr const char* kTooLargeReason = "too_large";
constexpr const char* kMalformed = "malformed";
constexpr std::size_t kReceiptsMax = 4;  // of one message; older receptions come back by themselves

}  // namespace

void IngestCore::queue_call(decltype(QueueCall::call) ask, After after, const std::string& identity,
                            const Turn& turn) {
  QueueCall call{++last_id_, std::move(ask)};
  if (after != After::kNothing) {
    const Instant deadline = turn.now + (after == After::kBuried ? kBuryWait : kQueueWait);
    queue_calls_.emplace(last_id_, OpenQueueCall{after, identity, receipt_of(call), deadline});
    at(deadline, Due::kQueueCall, last_id_);
  }
  turn.out.push(std::move(call));
}

void IngestCore::received(const QueueCopy& received_copy, const Turn& turn) {
  QueueCopy copy = received_copy;
  wire::Offer& m = copy.message;
  if (room() == 0) {
    MARK("ingest: no room for a queue copy");
    return queue_call(SetVisibility{copy.receipt, Duration{0}}, After::kNothing, {}, turn);
  }
  wall_ = std::max(wall(turn.now), m.first_seen);
  wall_learnt_ = turn.now;
  m.store = config_.store;
  m.origin = wire::Origin::kQueueCopy;
  m.identity = wire::identity_of(m.source, m.key, m.id, m.generation);
  m.content_hash = wire::content_hash_of(m.request);
  m.order = order_of(m, config_.priority_age);
  if (copy.posted) m.offered_before = false;  // it becomes a row first, however often it comes
  if (copy.malformed) return dies_unheard(std::move(copy), kMalformed, turn);
  const auto held = copies_.find(m.identity);
  if (held != copies_.end()) return received_again(held->second, copy, turn);
  Copy& here = hold(copy, turn);
  if (here.message.in_order) return join_group(here, copy.group, turn);
  if (copy.posted) return put_copy(here, StoreTime{}, turn);
  unoffered_.push_back(here.message.identity);
  offer_copies(turn);
}

IngestCore::Copy& IngestCore::hold(const QueueCopy& copy, const Turn& turn) {
  const Instant renew_at = turn.now + config_.hold_visibility / 2;
  at(renew_at, Due::kRenew, 0, copy.message.identity);
  Copy here{copy.message, {copy.receipt}, At::kHere, {}, renew_at, Instant::never()};
  here.posted = copy.posted;
  return copies_.emplace(copy.message.identity, std::move(here)).first->second;
}

// Other bytes under the same identity: which of the two is the message, the store decides (it may
// know either). The newcomer waits in the queue until it has decided about this one. What goes in
// order is offered as a row only: the first that is put is the message, and what would wait for
// that would hold up its group. It dies, in its turn if it stops its key.
void IngestCore::received_again(Copy& held, const QueueCopy& copy, const Turn& turn) {
  if (held.message.content_hash != copy.message.content_hash) {
    if (copy.message.in_order) {
      MARK("ingest: a copy in order with other bytes than the one before");
      if (copy.message.stops_dead) return dies_unheard(copy, wire::kIdConflict, turn);
      return queue_call(DeadLetter{copy.receipt, death_of(copy.message, wire::kIdConflict, turn)},
                        After::kDelete, {}, turn);
    }
    MARK("ingest: a queue copy with other bytes than the one before");
    return queue_call(SetVisibility{copy.receipt, config_.full_visibility}, After::kNothing, {},
                      turn);
  }
  hold_again(held, copy.receipt);
}

void IngestCore::hold_again(Copy& held, const std::string& receipt) {
  if (held.receipts.back() == receipt) return;
  if (held.receipts.size() == kReceiptsMax) {
    MARK("ingest: a queue hands out a copy again and again");
    held.receipts.erase(held.receipts.begin());
  }
  held.receipts.push_back(receipt);
}

// Parking has this identity with other bytes. If that one has ended, it was the message, and this
// one is dead. While it waits nobody has decided yet: this one may be the message, sent before, but
// not one that goes in order (as above).
void IngestCore::refuse_copy(Copy& copy, const Name& there, const Turn& turn) {
  const wire::Offer& m = copy.message;
  if (there.state == NameState::kWaiting && !m.in_order) {
    MARK("ingest: parking has a row of other bytes");
    return let_go(std::string(m.identity), config_.away_visibility, turn);
  }
  MARK("ingest: a message with other bytes has ended");
  die(copy, wire::kIdConflict, turn);
}

// ---- parking

void IngestCore::park_copy(wire::PeerId peer, const wire::Park& park_item, const Turn& turn) {
  if (Limiter* from = limiter(peer)) from->belief.lets_go(park_item.identity);
  const auto held = copies_.find(park_item.identity);
  if (held != copies_.end()) put_copy(held->second, park_item.due, turn);
}

// `due`: when a retry is to go; zero when it is none.
void IngestCore::put_copy(Copy& copy, StoreTime due, const Turn& turn) {
  if (copy.at != At::kOffered && copy.at != At::kHere) return;
  leave_limiter(copy, turn);
  const std::string identity = copy.message.identity;
  if (putting_[copy.message.key] >= config_.key_max) {
    MARK("ingest: too many of a key wait for parking");
    return let_go(identity, config_.full_visibility, turn);
  }
  ++putting_[copy.message.key];
  copy.at = At::kPutting;
  wire::Offer row = copy.message;
  row.origin = wire::Origin::kRow;
  if (due.us > 0) row.order = due.us;
  const bool posted = copy.posted;
  park(Put{std::move(row), posted, wall(turn.now), {}, posted}, ForCopy{identity}, turn);
}

void IngestCore::not_putting(const std::string& key) {
  const auto count = putting_.find(key);
  if (count != putting_.end() && --count->second == 0) putting_.erase(count);
}

void IngestCore::copy_put(const std::string& identity, const ParkingAnswer& answer,
                          const Turn& turn) {
  const auto* put = std::get_if<PutAnswer>(&answer);
  const auto held = copies_.find(identity);
  const bool ours = held != copies_.end() && held->second.at == At::kPutting;
  if (ours) not_putting(held->second.message.key);
  if (put == nullptr) {
    MARK("ingest: parking is away");
    if (ours) let_go(identity, config_.away_visibility, turn);
    return;
  }
  if (ours && put->end == PutEnd::kOther) {
    refuse_copy(held->second, put->name, turn);
  } else if (ours && put->end == PutEnd::kTooLarge) {
    MARK("ingest: a copy is larger than a row may be");
    die(held->second, kTooLargeReason, turn);
  } else if (ours) {
    delete_copy(identity, After::kNothing, turn);
  }
  if (put->end == PutEnd::kCreated && put->name.cancelled) posted_parked(put->name, turn);
  announce_key(put->key, turn);
}

// ---- back to the queue

void IngestCore::let_go(const std::string& identity, Duration visibility, const Turn& turn) {
  const auto held = copies_.extract(identity);
  if (held.empty()) return;
  for (const std::string& receipt : held.mapped().receipts) {
    queue_call(SetVisibility{receipt, visibility}, After::kNothing, {}, turn);
  }
  given_back(held.mapped(), visibility, turn);
}

void IngestCore::delete_copy(const std::string& identity, After after, const Turn& turn) {
  const auto held = copies_.extract(identity);
  if (held.empty()) return;
  const std::vector<std::string>& receipts = held.mapped().receipts;
  for (const std::string& receipt : receipts) {
    const bool newest = &receipt == &receipts.back();
    queue_call(DeleteCopy{receipt}, newest ? after : After::kNothing, identity, turn);
  }
  left_group(held.mapped(), turn);
}

void IngestCore::renew(const std::string& identity, const Turn& turn) {
  const auto held = copies_.find(identity);
  if (held == copies_.end() || held->second.renew_at > turn.now) return;
  MARK("ingest: a copy is held for long");
  Copy& copy = held->second;
  copy.renew_at = turn.now + config_.hold_visibility / 2;
  at(copy.renew_at, Due::kRenew, 0, identity);
  queue_call(SetVisibility{copy.receipts.back(), config_.hold_visibility}, After::kNothing, {},
             turn);
}

void IngestCore::queue_answered(const QueueReply& reply, const Turn& turn) {
  const auto open = queue_calls_.extract(reply.call_id);
  if (open.empty()) return;
  const OpenQueueCall& call = open.mapped();
  timers_.erase(Timer{call.deadline, Due::kQueueCall, reply.call_id, {}});
  switch (call.after) {
    case After::kNothing:
      return;
    case After::kDelete:
      if (reply.done) queue_call(DeleteCopy{call.receipt}, After::kNothing, {}, turn);
      return;
    case After::kSettleRow:
      if (reply.done) return bury_in(Grave::kQueues, call.identity, turn);
      MARK("ingest: a dead letter was not taken");
      settling_.erase(call.identity);
      if (const auto back = copies_.extract(call.identity)) left_group(back.mapped(), turn);
      return;  // it comes back and is settled again
    case After::kBuried:
      return dead_row_buried(call.identity, reply, turn);
    case After::kSent:
      return posted_sent(call.request_id, reply.done, turn);
    case After::kName:
      if (reply.done) return end_name(call.identity, turn);
      MARK("ingest: the dead letter of what the front door has sent was not taken");
      return let_go(call.identity, config_.away_visibility, turn);
    case After::kForgotten:
      if (!reply.done) MARK("ingest: the queue did not say that it deleted");
      if (reply.done) return forgotten(call.identity, turn);
      settling_.erase(call.identity);
  }
}

void IngestCore::drain(const Turn& turn) {
  MARK("ingest: it drains");
  draining_ = true;
  unoffered_.clear();
  for (auto& [peer, to] : limiters_) to.line.clear();
  std::vector<std::string> idle_copies;
  for (const auto& [identity, copy] : copies_) {
    const bool is_idle = copy.at == At::kHere || copy.at == At::kOffered || copy.at == At::kBehind;
    if (is_idle) idle_copies.push_back(identity);
  }
  std::sort(idle_copies.begin(), idle_copies.end());
  for (const std::string& identity : idle_copies) {
    leave_limiter(copies_.at(identity), turn);
    let_go(identity, Duration{0}, turn);
  }
  std::erase_if(settling_, [](const auto& entry) { return entry.second.waits; });
}

}  // namespace sluice::ingest
