// What a person says of a key, or of an upstream as a whole, is a word: a hold of kind pause with
// the time at which it was said. The last word counts, and it is one wherever it is kept: in the
// parking of each ingest, in limiters, in the store. Words come in any order, twice, late, or by
// way of somebody who was away: of two the later one is taken everywhere. So what opens is a word,
// too, kept as long as an earlier pause may come back
// (docs/decisions/0032-the-last-word-counts.md). Pure.
#pragma once

#include <algorithm>
#include <vector>

#include "lib/wire/messages.h"

namespace sluice::wire {

// The end of a pause that a person has ended: it is over, whatever the time is.
inline constexpr StoreTime kOpened{1};
// Who stops a key behind a dead message of a queue whose `on_dead` is "stop".
inline constexpr const char* kDeadMessage = "dead_message";
// Who was away for longer than this may bring back a pause that was ended meanwhile.
inline constexpr Duration kWordKept = hours(24 * 14);

inline bool is_word(const Hold& hold) { return hold.kind == HoldKind::kPause; }

inline bool closes(const Hold& hold, StoreTime now) {
  return hold.until.us == 0 || (hold.until != kOpened && hold.until > now);
}

inline bool lasts_longer(StoreTime a, StoreTime b) { return b.us != 0 && (a.us == 0 || a > b); }

// Of two words. Those of one moment are told apart by how long they close.
inline bool is_later(const Hold& a, const Hold& b) {
  return a.said_at != b.said_at ? a.said_at > b.said_at : lasts_longer(a.until, b.until);
}

// It keeps nothing closed, and no earlier one is to be feared any more.
inline bool is_forgotten(const Hold& word, StoreTime now) {
  return word.until.us != 0 && std::max(word.until, word.said_at) + kWordKept <= now;
}

// The word among these; null: nobody has said anything.
inline const Hold* word_among(const std::vector<Hold>& holds) {
  const auto at = std::find_if(holds.begin(), holds.end(), is_word);
  return at == holds.end() ? nullptr : &*at;
}

// A word takes the place of an earlier one, a penalty that of one that ends sooner. False: what is
// there already says as much.
inline bool take_in(std::vector<Hold>& holds, const Hold& hold) {
  const auto there = std::find_if(holds.begin(), holds.end(), [&](const Hold& one) {
    return one.kind == hold.kind && (is_word(hold) || one.until.us != 0);
  });
  if (there == holds.end()) {
    holds.push_back(hold);
    return true;
  }
  if (is_word(hold) ? !is_later(hold, *there) : hold.until <= there->until) return false;
  *there = hold;
  return true;
}

}  // namespace sluice::wire
