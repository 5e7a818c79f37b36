// When the next of all that wait goes, and the last: for people who watch.
#include <algorithm>

#include "limiter/core.h"

namespace sluice::limiter {

// When its head may go, as far as is known here; none: a person closed it.
std::optional<StoreTime> LimiterCore::opens_at(const Key& key, const StoreBounds& known) const {
  StoreTime opens = key.shard->limit_until;
  if (const auto hold = closed(key, known.low)) {
    if (hold->until.us == 0) return std::nullopt;
    opens = std::max(opens, hold->until);
  }
  if (is_busy(key)) {
    StoreTime answer = StoreTime::never();
    for (const Message* message : key.out) {
      if (!message->flight) continue;
      answer = std::min(answer, message->flight->granted_at + key.shard->latency);
    }
    if (answer < StoreTime::never()) opens = std::max(opens, answer);
  } else if (key.why != wire::Wait::kNone && key.why != wire::Wait::kInFlight) {
    opens = std::max(opens, key.until);  // kInFlight: the end of a lease, long after the answer
  }
  return opens;
}

// The last one is that of the upstream's longest key, by a forecast from the store's logs. Looking
// asks for it; the answer is there when somebody looks again.
LimiterCore::Departures LimiterCore::departures(Instant now) {
  Departures found;
  const auto known = bounds(now);
  if (!known) return found;
  for (auto& [name, shard] : shards_) shard.longest_rows = 0;
  for (Key* key : keys_) {
    Shard& shard = *key->shard;
    const std::uint64_t rows = std::max<std::uint64_t>(key->rows.count(), key->line.size());
    if (rows > shard.longest_rows) {
      shard.longest_rows = rows;
      shard.longest = key->name;
    }
    const Message* first = key->line.first();
    if (first == nullptr) continue;
    const auto opens = opens_at(*key, *known);
    if (!opens) continue;
    const StoreTime goes = std::max({known->high, first->ready_at, *opens});
    if (found.next.us == 0 || goes < found.next) found.next = goes;
  }
  for (auto& [name, shard] : shards_) {
    look_for_longest(shard);
    if (shard.longest_rows == 0) continue;
    found.last = std::max(found.last, shard.longest_goes);
    Key& key = key_of(shard, shard.longest);
    if (key.peeking) continue;
    key.peeking = true;
    shard.to_peek.push_back(&key);
  }
  found.last = std::max(found.last, found.next);
  return found;
}

void LimiterCore::look_for_longest(Shard& shard) {
  for (const auto& [store, keys] : shard.known) {
    for (const Known& known : keys) {
      if (known.rows_count <= shard.longest_rows) continue;
      shard.longest_rows = known.rows_count;
      shard.longest = known.name;
    }
  }
}

// A forecast of this key is new.
void LimiterCore::learn_departure(Key& key) {
  Shard& shard = *key.shard;
  if (key.name != shard.longest || shard.longest_rows == 0) return;
  const std::uint64_t rows = key.rows.count();
  const std::uint64_t gone = std::min(rows, in_logs(key));
  const std::uint64_t waiting = std::max<std::uint64_t>(rows - gone, key.line.size());
  shard.longest_goes =
      waiting == 0 ? StoreTime{} : key.foreseen->forecast.departure(waiting - 1).at;
}

}  // namespace sluice::limiter
