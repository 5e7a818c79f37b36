// What persons said last, and penalties that last, as they come from ingests: by Control from who
// asks, with Parked from whoever has it in parking. The last word counts (lib/wire/words.h); who
// has an earlier one is told.
#include <algorithm>
#include <utility>

#include "lib/base/mark.h"
#include "limiter/core.h"

namespace sluice::limiter {

Holds& LimiterCore::holds_of(Shard& shard, const std::string& key) {
  return key.empty() ? shard.holds : key_of(shard, key).holds;
}

// With rows or without: what holds a key is none of its rows.
void LimiterCore::hear_holds(Shard& shard, wire::PeerId peer, const wire::Parked& parked,
                             const Turn& turn) {
  // What holds the whole upstream stands under its name, which no key has.
  const std::string key = parked.key == parked.upstream ? std::string() : parked.key;
  for (const wire::Hold& hold : parked.holds) {
    if (!wire::is_word(hold)) {
      hear_penalty(shard, key, hold.until, turn);
      continue;
    }
    hear_word(shard, key, hold, turn);
    const wire::Hold* last = shard.words.of(key);
    if (last != nullptr && wire::is_later(*last, hold)) {
      MARK("limiter: an ingest has an earlier word than the last one");
      send(peer, wire::Word{parked.upstream, key, *last}, turn);
    } else {
      shard.words.named(key, parked.store);
    }
  }
}

// Who hears of a penalty from parking first recalls what it has dispatched, as when a dispatcher
// tells it.
void LimiterCore::hear_penalty(Shard& shard, const std::string& key, StoreTime until,
                               const Turn& turn) {
  const auto known = bounds(turn.now);
  if (known && until <= known->low) return;
  if (!holds_of(shard, key).penalise(until)) return;
  MARK("limiter: a penalty is heard of from parking first");
  recall({shard.upstream->name, key, until}, turn);
  look_anew(shard, key);
}

// Not by Control, whose asker awaits the store. What opens is not heard while its line for the
// trail has no room: it comes again.
void LimiterCore::hear_word(Shard& shard, const std::string& key, const wire::Hold& word,
                            const Turn& turn) {
  const bool opens = word.until == wire::kOpened;
  const wire::Hold* last = shard.words.of(key);
  const bool ends_one = opens && last != nullptr && last->until != wire::kOpened;
  if (ends_one && trail_full()) return;
  if (!shard.words.hear(key, word)) return;
  const auto known = bounds(turn.now);
  const bool closes = !opens && (!known || wire::closes(word, known->low));
  if (closes) return close_by_word(shard, key, word, turn);
  if (ends_one) {
    MARK("limiter: a resume is heard of from parking first");
    record_hold({shard.upstream->name, key, false, word}, "resume", turn.now);
  }
  reopen(shard, key, turn.now);
}

// Those that it has not announced: told while it was away, or lost on the way.
void LimiterCore::tell_unnamed(Shard& shard, wire::PeerId peer, const std::string& store,
                               const Turn& turn) {
  if (const auto known = bounds(turn.now)) shard.words.forget(known->low);
  for (auto& [key, word] : shard.words.unnamed(store)) {
    MARK("limiter: an ingest does not have a word that was said elsewhere");
    send(peer, wire::Word{shard.upstream->name, key, std::move(word)}, turn);
  }
}

void LimiterCore::tell_others(const wire::Word& word, wire::PeerId not_this, const Turn& turn) {
  for (const auto& [peer, ingest] : peers_.ingests()) {
    if (peer != not_this) send(peer, word, turn);
  }
}

// Later than all that is known.
StoreTime LimiterCore::said_now(const Shard& shard, const std::string& key, Instant now) const {
  const wire::Hold* last = shard.words.of(key);
  StoreTime at{last == nullptr ? 1 : last->said_at.us + 1};
  if (const auto known = bounds(now)) at = std::max(at, known->high);
  return at;
}

void LimiterCore::close_by_word(Shard& shard, const std::string& key, const wire::Hold& word,
                                const Turn& turn) {
  holds_of(shard, key).pause(word.until);
  const Refusal hold{wire::Wait::kPaused, word.until};
  recall({shard.upstream->name, key, recall_end(shard, hold, turn.now)}, turn);
  look_anew(shard, key);
}

// The store takes a key for paused that is open by the last word that is known here: it heard an
// earlier one after that, or that one never. It knows which of them counts.
void LimiterCore::say_opening_again(Shard& shard, const std::string& key, const Turn& turn) {
  const auto known = bounds(turn.now);
  if (!known || calls_.holding(shard.upstream->name)) return;
  for (const std::string& of : {key, std::string()}) {
    const wire::Hold* word = shard.words.opening(of, known->low);
    if (word == nullptr) continue;
    MARK("limiter: the store takes for paused what was opened");
    say(SetHold{shard.upstream->name, of, false, *word}, turn);
  }
}

void LimiterCore::look_anew(Shard& shard, const std::string& key) {
  if (key.empty()) return touch_all(shard);
  foresee_anew(key_of(shard, key));
}

}  // namespace sluice::limiter
