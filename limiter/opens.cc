// After a closure: when the store may be asked again (opening.h).
#include "lib/base/mark.h"
#include "limiter/core.h"

namespace sluice::limiter {

// The mark lies under the upstream's own name, which no key has. A hold of this kind, under this
// name, keeps nothing from going.
void LimiterCore::look_at_opening(Shard& shard, const Turn& turn) {
  const std::string& name = shard.upstream->name;
  if (shard.opening.looks()) say(Peek{name, {name}}, turn);
  if (shard.opening.all_announced(config_.ingest_stores)) return touch_all(shard);
  if (calls_.holding(name) || !shard.opening.said()) return;
  MARK("limiter: all that a store may have forgotten was said to it again");
  const wire::Hold mark{wire::HoldKind::kClosure, StoreTime{}, shard.opening.mark()};
  say(SetHold{name, name, true, mark}, turn);
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

void LimiterCore::hear_closure(const std::string& upstream, StoreTime until) {
  Shard* shard = shard_of(upstream);
  if (shard == nullptr) return;
  const bool heard_first = shard->opening.unheard();
  if (!shard->opening.heard(until) && !heard_first) return;
  touch_all(*shard);
}

// Once for each closure.
void LimiterCore::say_pauses_again(Key& key, const Turn& turn) {
  Shard& shard = *key.shard;
  const StoreTime closure = shard.opening.closure();
  const auto say_one = [&](const std::string& name, const wire::Hold& pause, StoreTime& said) {
    if (said == closure) return;
    if (controlling_.contains({shard.upstream->name, name})) return;  // a person says it just now
    MARK("limiter: a store that may have forgotten a pause is told again");
    said = closure;
    calls_.drop_holds(shard.upstream->name, name);
    say(SetHold{shard.upstream->name, name, true, pause}, turn);
  };
  if (const auto whole = shard.holds.pause()) say_one({}, *whole, shard.pause_said);
  auto own = key.holds.pause();
  for (const Rows::Store& store : key.rows.stores()) {
    for (const wire::Hold& hold : store.holds) {
      if (hold.kind != wire::HoldKind::kPause) continue;
      const bool outlasts =
          own && own->until.us != 0 && (hold.until.us == 0 || hold.until > own->until);
      if (!own || outlasts) own = hold;
    }
  }
  if (own) say_one(key.name, *own, key.pause_said);
}

}  // namespace sluice::limiter
