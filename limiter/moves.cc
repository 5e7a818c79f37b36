// Keys come from other limiters and go to them (ingest/rendezvous.h says whose they are). What
// waits of a key that has moved is let go without a word: it is a row or a queue copy of its
// ingest's. What is under way is completed here; its heir finds it in the store.
#include <algorithm>
#include <utility>

#include "lib/base/mark.h"
#include "limiter/core.h"

namespace sluice::limiter {

void LimiterCore::item(wire::PeerId peer, const wire::Moved& moved, const Turn& turn) {
  Shard* shard = shard_of(moved.upstream);
  if (shard == nullptr) return;
  if (const auto at = shard->known.find(moved.store); at != shard->known.end()) {
    at->second.erase(moved.key);
  }
  Key* key = find_key(*shard, moved.key);
  if (key == nullptr) return;
  MARK("limiter: a key moves to another limiter");
  touch(*key);
  if (const auto rows = key->rows.moved(moved.store)) {
    IngestPeer* asked = rows->want_id == 0 ? nullptr : peers_.ingest(rows->asked);
    if (asked != nullptr) --asked->wants_open;
  }
  const std::vector<Message*> waiting = key->line.messages();
  for (Message* message : waiting) withdraw(*message, peer, moved.store);
  const std::vector<Message*> out = key->out;
  for (Message* message : out) withdraw(*message, peer, moved.store);
  static_cast<void>(turn);
}

// As far as this ingest is concerned. Another one that offered it as well may see other limiters,
// and leave it here.
void LimiterCore::withdraw(Message& message, wire::PeerId peer, const std::string& store) {
  unhold(message, peer);
  if (!message.holders.empty() || message.offer.letter.store() != store) return;
  if (message.state == State::kWaiting) return forget(message);
  message.withdrawn = true;
}

// From now on another limiter has what waits here. In the line there is nothing to be done for it;
// what was to be asked out of turn is asked by its heir.
void LimiterCore::let_all_go() {
  for (auto& [name, shard] : shards_) {
    for (Message* message : std::exchange(shard.out_of_turn, {})) {
      std::erase(message->key->out, message);
      message->state = State::kWaiting;
      message->key->line.insert(*message);
    }
  }
  for (Key* key : keys_) {
    const std::vector<Message*> waiting = key->line.messages();
    for (Message* message : waiting) forget(*message);
  }
}

// Ingests offer to the heirs as soon as they hear it.
void LimiterCore::say_moved(const Turn& turn) {
  if (!draining_ || std::exchange(moved_said_, true)) return;
  for (const auto& [peer, ingest] : peers_.ingests()) send(peer, wire::Moved{}, turn);
}

}  // namespace sluice::limiter
