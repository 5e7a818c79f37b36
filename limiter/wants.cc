// Which keys have rows, and asking for the heads of them: rules 1 and 3 of design 4.2.
#include <algorithm>

#include "lib/base/mark.h"
#include "limiter/core.h"

namespace sluice::limiter {

namespace {

// Of one ingest. It reads 1,024 heads at a time and drops the Wants beyond; each that is dropped
// is said again after a second, so a backlog of many keys would say ever more for nothing.
constexpr std::size_t kWantsOpenMax = 512;

}  // namespace

void LimiterCore::item(wire::PeerId peer, const wire::Parked& said, const Turn& turn) {
  if (config_.mutations.rows_not_announced) return;
  Shard* shard = shard_of(said.upstream);
  IngestPeer* ingest = peers_.ingest(peer);
  if (shard == nullptr) return unknown_upstream(said.upstream);
  if (ingest == nullptr) return;
  ingest->stores.insert(said.store);
  wire::Parked parked = said;
  if (parked.key == parked.upstream) {
    // What holds the whole upstream stands under its name, which no key has.
    forget_stale(parked.holds, shard->stale_until, turn.now);
    recall_penalty({shard, "", &shard->holds}, parked.holds, turn);
    if (take_holds(shard->holds, parked.holds)) touch_all(*shard);
    return;
  }
  Key& key = key_of(*shard, parked.key);
  touch(key);
  forget_stale(parked.holds, key.stale_until, turn.now);
  if (parked.count == 0) {  // it has holds, and nothing to ask for
    if (!key.rows.hold(parked.store, parked.holds)) {
      recall_penalty({shard, key.name, &key.holds}, parked.holds, turn);
      take_holds(key.holds, parked.holds);
    }
    key.foreseen.reset();
    return;
  }
  const Message* last = key.line.last();
  const bool precedes = last == nullptr || parked.head_order <= last->order;
  key.rows_count = static_cast<std::uint32_t>(std::min<std::uint64_t>(parked.count, UINT32_MAX));
  key.rows.announced(parked, is_here(key, parked.head_order), precedes);
  if (!config_.mutations.copies_beside_rows) park_copies(key, wire::Wait::kBehind, turn);
}

// A person opened it a moment ago: a pause that an announcement names was read before that.
void LimiterCore::forget_stale(std::vector<wire::Hold>& holds, Instant stale_until, Instant now) {
  if (now >= stale_until) return;
  std::erase_if(holds, [](const wire::Hold& hold) {
    return hold.kind == wire::HoldKind::kPause || hold.until.us == 0;
  });
}

// Who hears of a penalty from parking first recalls what it has dispatched, as when a dispatcher
// tells it.
void LimiterCore::recall_penalty(const Closed& closed, const std::vector<wire::Hold>& said,
                                 const Turn& turn) {
  for (const wire::Hold& hold : said) {
    if (hold.kind != wire::HoldKind::kPenalty || hold.until <= closed.known->penalty_until())
      continue;
    MARK("limiter: a penalty is heard of from parking first");
    recall({closed.shard->upstream->name, closed.name, hold.until}, turn);
  }
}

// True when anything closes.
bool LimiterCore::take_holds(Holds& holds, const std::vector<wire::Hold>& said) {
  bool closes = false;
  for (const wire::Hold& hold : said) {
    closes = true;
    if (hold.kind == wire::HoldKind::kPause || hold.until.us == 0) {
      holds.pause_at_least(hold.until);
    } else {
      holds.penalise(hold.until);
    }
  }
  return closes;
}

// Is the row of that order here, in the line or on its way?
bool LimiterCore::is_here(const Key& key, std::int64_t order) {
  const Message* first = key.line.first();
  if (first != nullptr && first->offer.order == order) return true;
  return std::any_of(key.out.begin(), key.out.end(),
                     [&](const Message* message) { return message->offer.order == order; });
}

void LimiterCore::item(wire::PeerId peer, const wire::Announced& announced, const Turn&) {
  IngestPeer* ingest = peers_.ingest(peer);
  if (ingest == nullptr) return;
  ingest->stores.insert(announced.store);
  for (auto& [name, shard] : shards_) {
    shard.opening.announced(announced.store);
    shard.look = shard.look || !shard.opening.open();
  }
}

void LimiterCore::item(wire::PeerId, const wire::Rows& rows, const Turn& turn) {
  for (auto& [name, shard] : shards_) {
    Key* key = find_key(shard, rows.key);
    if (key == nullptr) continue;
    const auto asked = key->rows.asked(rows.want_id);
    const std::vector<wire::Hold> holds = key->rows.holds_of(rows.store);
    if (!key->rows.answered(rows, config_, turn.now)) continue;
    if (IngestPeer* ingest = asked ? peers_.ingest(*asked) : nullptr) --ingest->wants_open;
    if (!key->rows.knows(rows.store)) take_holds(key->holds, holds);  // they outlast its rows
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
  if (Shard* shard = shard_of(forgotten.upstream)) {
    shard->forgotten.push_back(forgotten.identity);
  } else {
    unknown_upstream(forgotten.upstream);
  }
}

void LimiterCore::forgotten_by_ingest(const std::string& identity) {
  const auto at = told_key_.find(identity);
  if (at == told_key_.end()) return;
  if (const auto key = keys_.find(at->second); key != keys_.end() && key->second->told > 0) {
    --key->second->told;
    if (key->second->rows_count > 0) --key->second->rows_count;
    touch(*key->second);
  }
  told_key_.erase(at);
}

// As many as there is room for; a key that needs none any more leaves its room to the next.
void LimiterCore::say_queued_wants(const Turn& turn) {
  for (auto& [peer, ingest] : peers_.ingests()) {
    while (!ingest.wanting.empty() && ingest.wants_open < kWantsOpenMax) {
      const auto key = keys_.find(ingest.next_wanting());
      if (key == keys_.end()) continue;
      key->second->rows.its_turn();
      say_wants(*key->second, turn);
      touch(*key->second);
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
    if (!peer || (no_room() && !in_place && key.messages() > 0)) {
      MARK("limiter: no ingest or no room for rows");
      Rows::later(*store, turn.now + config_.want_again);
      continue;
    }
    IngestPeer& ingest = *peers_.ingest(*peer);
    if (!again && ingest.wants_open >= kWantsOpenMax) {
      Rows::queue(*store);
      ingest.wanting.push_back(key.number);
      continue;
    }
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
