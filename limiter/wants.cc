// Which keys have rows, and asking for the heads of them: rules 1 and 3 of design 4.2.
#include <algorithm>

#include "lib/base/check.h"
#include "lib/base/mark.h"
#include "limiter/core.h"

namespace sluice::limiter {

namespace {

// Of one ingest. It reads 1,024 heads at a time and drops the Wants beyond; each that is dropped
// is said again after a second, so a backlog of many keys would say ever more for nothing.
constexpr std::size_t kWantsOpenMax = 512;

}  // namespace

void LimiterCore::item(wire::PeerId peer, const wire::Parked& parked, const Turn& turn) {
  if (config_.mutations.rows_not_announced) return;
  Shard* shard = shard_of(parked.upstream);
  IngestPeer* ingest = peers_.ingest(peer);
  if (shard == nullptr) return unknown_upstream(parked.upstream);
  if (ingest == nullptr) return;
  ingest->stores.insert(parked.store);
  hear_holds(*shard, peer, parked, turn);
  if (parked.count == 0 || parked.key == parked.upstream) return;  // nothing to ask for
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(parked.count, UINT32_MAX));
  if (find_key(*shard, parked.key) == nullptr) {  // what closes it would have brought it here
    KnownKeys& known = shard->known[parked.store];
    if (!known.empty() || !may_ask(*ingest)) {  // else it is asked for with this turn
      known.add(parked.key).rows_count = count;
      look_at_known_ = true;
      return;
    }
  }
  Key& key = key_of(*shard, parked.key);
  touch(key);
  const Message* last = key.line.last();
  const bool precedes = last == nullptr || parked.head_order <= last->order;
  key.rows.announced(parked, is_here(key, parked.head_order), precedes);
  if (!config_.mutations.copies_beside_rows) park_copies(key, wire::Wait::kBehind, turn);
}

// Is the row of that order here, in the line or on its way?
bool LimiterCore::is_here(const Key& key, std::int64_t order) {
  const Message* first = key.line.first();
  if (first != nullptr && first->offer.order == order) return true;
  return std::any_of(key.out.begin(), key.out.end(),
                     [&](const Message* message) { return message->offer.order == order; });
}

void LimiterCore::item(wire::PeerId peer, const wire::Announced& announced, const Turn& turn) {
  IngestPeer* ingest = peers_.ingest(peer);
  if (ingest == nullptr) return;
  ingest->stores.insert(announced.store);
  look_at_known_ = true;
  for (auto& [name, shard] : shards_) {
    shard.opening.announced(announced.store, peer);
    shard.look = shard.look || !shard.opening.open();
    tell_unnamed(shard, peer, announced.store, turn);
  }
}

void LimiterCore::item(wire::PeerId, const wire::Rows& rows, const Turn& turn) {
  for (auto& [name, shard] : shards_) {
    Key* key = find_key(shard, rows.key);
    if (key == nullptr) continue;
    const auto asked = key->rows.asked(rows.want_id);
    if (!key->rows.answered(rows, view(*key).half_empty, config_, turn.now)) continue;
    if (IngestPeer* ingest = asked ? peers_.ingest(*asked) : nullptr) --ingest->wants_open;
    if (rows.more) let_go_beyond(*key, rows.store, turn);
    touch(*key);
    return;
  }
}

// A line is the head of its rows, without a gap. What stands in it beyond an answer's last row may
// have others before it that are not here: so many rows came between that the answer ended first.
void LimiterCore::let_go_beyond(Key& key, const std::string& store, const Turn& turn) {
  const auto reach = key.rows.reach(store);
  if (!reach || config_.mutations.no_overflow) return;
  for (Message* row : key.line.rows_after(*reach, store)) {
    MARK("limiter: a line goes on where an answer to its Want has ended");
    let_go(*row, wire::Wait::kUnloaded, StoreTime{}, turn);
  }
}

// The record may go, and the row no longer counts among those that its ingest has.
void LimiterCore::item(wire::PeerId, const wire::Forgotten& forgotten, const Turn&) {
  forgotten_by_ingest(forgotten.identity);
  if (Message* again = find(forgotten.identity)) {
    MARK("limiter: a row that was read before it went is here when it has gone");
    again->rowless = true;
  }
  if (Shard* shard = shard_of(forgotten.upstream)) {
    shard->forgotten.push_back(forgotten.identity);
  } else {
    unknown_upstream(forgotten.upstream);
  }
}

void LimiterCore::forgotten_by_ingest(const std::string& identity) {
  const auto at = told_key_.find(identity);
  if (at == told_key_.end()) return;
  Key& key = *at->second.key;
  --key.told;
  key.rows.forgotten(at->second.store);
  // Who asked before counted it, if it is of that store; what we count when we answer does not have
  // it any more.
  for (Asker& asker : key.askers) {
    const IngestPeer* ingest = peers_.ingest(asker.peer);
    if (ingest == nullptr || !ingest->stores.contains(at->second.store)) continue;
    if (asker.quote.ahead > 0) --asker.quote.ahead;
  }
  touch(key);
  told_key_.erase(at);
}

bool LimiterCore::may_ask(const IngestPeer& ingest) const {
  return !draining_ && ingest.wants_open < kWantsOpenMax;
}

// As many as there is room for, one after the other of each upstream and store; a key that needs
// none any more leaves its room to the next.
void LimiterCore::say_queued_wants(const Turn& turn) {
  look_at_known_ = false;
  for (bool said = true; said;) {
    said = false;
    for (auto& [upstream, shard] : shards_) {
      for (auto& [store, known] : shard.known) {
        const auto peer = known.empty() ? std::nullopt : peers_.ingest_of(store);
        if (!peer || !may_ask(*peers_.ingest(*peer))) continue;
        said = true;
        Key& key = key_of(shard, known.next());
        known.erase(key.name);
        key.rows.its_turn(store);
        say_wants(key, turn);
        touch(key);
      }
    }
  }
}

Rows::View LimiterCore::view(const Key& key) const {
  return {key.line.size() * 2 <= line_max(key), key.messages() == 0, key.line.empty()};
}

void LimiterCore::say_wants(Key& key, const Turn& turn) {
  if (draining_) return;
  for (Rows::Store* store : key.rows.due(view(key), config_, turn.now)) {
    const bool again = store->want_id != 0;
    const auto peer = peers_.ingest_of(store->name, again ? store->asked : wire::PeerId{});
    // What belongs before the last of the line takes its place, room or not.
    const bool in_place = again || store->precedes || store->inside;
    if (no_room() && !in_place && key.messages() > 0) {
      MARK("limiter: no room for rows");
      Rows::later(*store, turn.now + config_.want_again);
      continue;
    }
    if (!again && !(peer && may_ask(*peers_.ingest(*peer)))) {
      MARK("limiter: a Want waits for its turn");
      Rows::queue(*store);
      key.shard->known[store->name].add(key.name);
      continue;
    }
    CHECK(peer);  // who was asked serves that store as long as it is there
    IngestPeer& ingest = *peers_.ingest(*peer);
    if (again) MARK("limiter: a Want is said again");
    ++ingest.wants_open;
    if (IngestPeer* before = again ? peers_.ingest(store->asked) : nullptr) --before->wants_open;
    const std::uint64_t id = again ? store->want_id : ++last_want_;
    // No fewer than are here, or what is new between them would be passed over.
    const std::size_t most = std::max<std::size_t>(line_max(key), key.line.size());
    const std::size_t count = std::min<std::size_t>(most + key.out.size(), 100'000);
    send(*peer, wire::Want{id, store->name, key.name, static_cast<std::uint32_t>(count)}, turn);
    Rows::said(*store, id, *peer, turn.now);
    ++counts_.wants;
  }
}

}  // namespace sluice::limiter
