// When the next of all that wait goes, and the last: for people who watch.
#include <algorithm>

#include "limiter/core.h"

namespace sluice::limiter {

// The last one is that of the upstream's longest key, by a forecast from the store's logs. Looking
// asks for it; the answer is there when somebody looks again.
LimiterCore::Departures LimiterCore::departures(Instant now) {
  Departures found;
  const auto known = bounds(now);
  if (!known) return found;
  for (auto& [name, shard] : shards_) shard.longest_rows = 0;
  for (auto& [number, key] : keys_) {
    Shard& shard = *key->shard;
    const std::uint64_t rows = std::max<std::uint64_t>(key->rows_count, key->line.size());
    if (rows > shard.longest_rows) {
      shard.longest_rows = rows;
      shard.longest = number;
    }
    const Message* first = key->line.first();
    if (first == nullptr) continue;
    StoreTime goes = std::max(known->high, first->ready_at);
    if (key->why != wire::Wait::kNone) goes = std::max(goes, key->until);
    if (found.next.us == 0 || goes < found.next) found.next = goes;
  }
  for (auto& [name, shard] : shards_) {
    if (shard.longest_rows == 0) continue;
    found.last = std::max(found.last, shard.longest_goes);
    Key& key = *keys_.at(shard.longest);
    if (key.peeking) continue;
    key.peeking = true;
    shard.to_peek.push_back(&key);
  }
  found.last = std::max(found.last, found.next);
  return found;
}

// A forecast of this key is new.
void LimiterCore::learn_departure(Key& key) {
  Shard& shard = *key.shard;
  if (key.number != shard.longest || shard.longest_rows == 0) return;
  const std::uint64_t gone = std::min(key.rows_count, in_logs(key));
  const std::uint64_t waiting = std::max<std::uint64_t>(key.rows_count - gone, key.line.size());
  shard.longest_goes = waiting == 0 ? StoreTime{} : key.forecast->departure(waiting - 1).at;
}

}  // namespace sluice::limiter
