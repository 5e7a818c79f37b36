// Who comes and goes, and what heartbeats say. Whatever was under way on a connection that ended is
// asked for again on the next one.
#include <algorithm>

#include "lib/base/mark.h"
#include "limiter/core.h"

namespace sluice::limiter {

namespace {

constexpr int kDifferencesMax = 3;  // heartbeats in a row before everything is asked again

}  // namespace

void LimiterCore::peer_up(const wire::PeerUp& up, const Turn& turn) {
  peers_.up(up);
  if (up.role == wire::Role::kAuditor) {
    trail_.unsay();
    for (const auto& [name, shard] : shards_) {
      if (shard.limits_known) limits_out_.tell({up.peer, name});
    }
  }
  if (up.role == wire::Role::kIngest && moved_said_) send(up.peer, wire::Moved{}, turn);
  if (up.role == wire::Role::kIngest) say_penalties(up.peer, turn);
  if (up.role != wire::Role::kDispatcher) return;
  recall_what_is_closed(up.peer, turn);
  ask_about_all(up.peer, up.life, turn);
  for (auto& [name, shard] : shards_) shard.look = true;
}

void LimiterCore::peer_down(wire::PeerId peer, const Turn& turn) {
  for (auto& [name, shard] : shards_) shard.opening.gone(peer);
  const auto was = peers_.down(peer);
  if (!was) return;
  if (was->role == wire::Role::kAuditor) {
    trail_.unsay();
    limits_out_.gone(peer);
  }
  if (was->role != wire::Role::kIngest) return;
  for (const auto& message : messages_) {
    std::erase_if(message->holders, [&](const Holder& holder) { return holder.peer == peer; });
  }
  for (Key* key : keys_) {
    key->rows.lost(peer);
    std::erase_if(key->askers, [&](const Asker& asker) { return asker.peer == peer; });
    touch(*key);
  }
  for (auto& [hold, waiting] : controlling_) {
    std::erase_if(waiting, [&](const Controlling& one) { return one.peer == peer; });
  }
  std::erase_if(controlling_, [](const auto& entry) { return entry.second.empty(); });
  std::erase_if(consuming_, [&](const auto& entry) { return entry.second.peer == peer; });
  static_cast<void>(turn);
}

void LimiterCore::peer_facts(const wire::PeerFacts& facts, const Turn& turn) {
  DispatcherPeer* dispatcher = peers_.dispatcher(facts.peer);
  if (dispatcher == nullptr) return;
  dispatcher->credits.clear();
  for (const wire::Credit& credit : facts.credits) dispatcher->credits[credit.upstream] = credit;
  for (auto& [name, shard] : shards_) {
    if (!shard.due.empty() || !shard.out_of_turn.empty()) shard.look = true;
  }
  const std::uint64_t life = dispatcher->up.life;
  if (peers_.dispatched(life) == Held{facts.held_count, facts.held_hash}) {
    dispatcher->differences = 0;
  } else if (++dispatcher->differences >= kDifferencesMax) {
    MARK("limiter: a dispatcher holds other attempts than it should");
    dispatcher->differences = 0;
    ask_about_all(facts.peer, life, turn);
  }
}

void LimiterCore::ask_about_all(wire::PeerId, std::uint64_t life, const Turn& turn) {
  const auto at = flights_.find(life);
  if (at == flights_.end()) return;
  const std::vector<Numbered<Message>> flying(at->second.begin(), at->second.end());
  for (const Numbered<Message> flight : flying) look_at_attempt(*flight.one, turn);
}

void LimiterCore::recall_what_is_closed(wire::PeerId dispatcher, const Turn& turn) {
  const auto known = bounds(turn.now);
  const StoreTime low = known ? known->low : StoreTime{};
  for (const auto& [name, shard] : shards_) {
    if (const auto hold = shard.holds.refusal(low)) {
      send(dispatcher, wire::Recall{name, "", recall_end(shard, *hold, turn.now)}, turn);
    }
  }
  for (const Key* key : keys_) {
    if (const auto hold = key->holds.refusal(low)) {
      const StoreTime until = recall_end(*key->shard, *hold, turn.now);
      send(dispatcher, wire::Recall{key->shard->upstream->name, key->name, until}, turn);
    }
  }
}

// Penalties that last are in parking, too: they come back with Parked when store and limiters have
// forgotten them.
bool LimiterCore::lasts(StoreTime penalty, Instant now) const {
  const auto known = bounds(now);
  return known && penalty < StoreTime::never() && penalty > known->low + config_.hold_horizon;
}

void LimiterCore::say_penalties(wire::PeerId ingest, const Turn& turn) {
  for (const auto& [name, shard] : shards_) {
    const StoreTime until = shard.holds.penalty_until();
    if (lasts(until, turn.now)) send(ingest, wire::Recall{name, "", until}, turn);
  }
  for (const Key* key : keys_) {
    const StoreTime until = key->holds.penalty_until();
    if (!lasts(until, turn.now)) continue;
    send(ingest, wire::Recall{key->shard->upstream->name, key->name, until}, turn);
  }
}

wire::HeartbeatFacts LimiterCore::heartbeat(wire::PeerId peer, Instant now) const {
  wire::HeartbeatFacts facts;
  facts.store = bounds(now);
  const IngestPeer* ingest = peers_.ingest(peer);
  if (ingest == nullptr) return facts;
  facts.held_count = ingest->held.count;
  facts.held_hash = ingest->held.hash;
  const std::size_t room = config_.messages_max - std::min(config_.messages_max, messages_.size());
  const std::size_t window = draining_ ? 0 : std::min<std::size_t>(config_.offers_max, room);
  facts.credits.push_back({"", static_cast<std::uint32_t>(window), wire::Wait::kNone});
  return facts;
}

}  // namespace sluice::limiter
