// After a closure: when the store may be asked again (opening.h).
#include "lib/base/mark.h"
#include "limiter/core.h"

namespace sluice::limiter {

// The mark lies under the upstream's own name, which no key has. A hold of this kind, under this
// name, keeps nothing from going.
void LimiterCore::look_at_opening(Shard& shard, const Turn& turn) {
  const std::string& name = shard.upstream->name;
  if (shard.opening.looks(turn.now)) say(Peek{name, {name}}, turn);
  if (shard.opening.all_announced(config_.ingest_stores)) say_words_again(shard, turn);
  if (calls_.holding(name) || !shard.opening.said()) return;
  MARK("limiter: all that a store may have forgotten was said to it again");
  const wire::Hold mark{wire::HoldKind::kClosure, StoreTime{}, shard.opening.mark()};
  say(SetHold{name, name, true, mark}, turn);
}

// Once for each closure. The later word of a person that the store may have heard meanwhile stands.
void LimiterCore::say_words_again(Shard& shard, const Turn& turn) {
  const auto known = bounds(turn.now);
  for (auto& [key, word] : shard.words.closing(known ? known->low : StoreTime{})) {
    MARK("limiter: a store that may have forgotten a pause is told again");
    say(SetHold{shard.upstream->name, key, true, std::move(word)}, turn);
  }
}

bool LimiterCore::is_mark(const Peek& peek) {
  return peek.keys.size() == 1 && peek.keys.front() == peek.upstream;
}

void LimiterCore::mark_peeked(Shard& shard, const KeyState* state) {
  if (state == nullptr) return shard.opening.not_seen();
  std::string there;
  for (const wire::Hold& hold : state->holds) {
    if (hold.kind == wire::HoldKind::kClosure) there = hold.by;
  }
  shard.opening.seen(there);
  if (shard.opening.open()) MARK("limiter: another one has opened what was closed");
  touch_all(shard);
}

void LimiterCore::hear_closure(const std::string& upstream, const Acknowledged& done) {
  Shard* shard = shard_of(upstream);
  if (shard == nullptr) return;
  shard->closed_until = done.closed_until;
  shard->closed_by = done.closed_by;
  const bool heard_first = shard->opening.unheard();
  if (!shard->opening.heard(done.closed_until) && !heard_first) return;
  touch_all(*shard);
}

std::optional<std::vector<Closure>> LimiterCore::closures(Instant now) const {
  const auto known = bounds(now);
  if (!known) return std::nullopt;
  std::vector<Closure> closed;
  for (const auto& [name, shard] : shards_) {
    const Duration left = shard.closed_until - known->low;
    if (left > Duration{}) closed.push_back({name, shard.closed_by, shard.closed_until, left});
  }
  return closed;
}

}  // namespace sluice::limiter
