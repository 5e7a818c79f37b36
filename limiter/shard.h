// An upstream, as the limiter has it: its keys, who is due, and what is to be said to its store
// with this turn. A Key is one key's line with everything that decides when its head may go.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "limiter/by_name.h"
#include "limiter/forecast.h"
#include "limiter/give_way.h"
#include "limiter/holds.h"
#include "limiter/known_keys.h"
#include "limiter/line.h"
#include "limiter/opening.h"
#include "limiter/rows.h"
#include "limiter/turns.h"
#include "limiter/words.h"

namespace sluice::limiter {

struct Shard;

struct Asker {
  wire::PeerId peer;
  wire::Quote quote;
};

struct Foreseen {
  Forecast forecast;
  Instant at;
};

struct Key {
  std::uint64_t number = 0;         // orders those that are due at the same time
  std::list<Key*>::iterator place;  // among all keys
  std::string name;
  Shard* shard = nullptr;
  Line line;
  Rows rows;
  std::vector<Message*> out;  // of this key, but not in the line
  Holds holds;

  // The last refusal of its head by the store: not asked again before ask_at.
  std::string limit;
  StoreTime until;
  Instant ask_at;

  StoreTime freed_at;  // when the last attempt of the key ended, or what went in order

  // Side by side, as a hundred thousand keys may be here.
  wire::Wait why = wire::Wait::kNone;  // of the last refusal
  std::uint32_t skip = 0;      // the store names an open attempt that we do not know: whose is it?
  std::uint32_t told = 0;      // settled and told, and its ingest has not said Forgotten yet
  std::uint32_t in_order = 0;  // of its messages that are here, those that go in order
  bool warned = false;         // by the upstream; no attempt has succeeded since
  bool asleep = false;         // closed for so long that its line need not be full
  bool dirty = false;          // to be planned
  bool due = false;            // in its shard's turns
  bool peeking = false;        // the store is asked for what a forecast is made of

  Instant wakes_at = Instant::never();  // planned again then
  Standing standing;                    // among those who are due

  std::unique_ptr<Foreseen> foreseen;
  std::vector<Asker> askers;  // of a forecast that the store was asked for

  [[nodiscard]] std::size_t messages() const { return line.size() + out.size(); }
};

inline std::string_view name_of(const Key& key) { return key.name; }

struct Shard {
  const Upstream* upstream = nullptr;
  std::uint64_t limits_version = 0;  // of the upstream's limits, as they are known here
  bool limits_asked = false;         // the store is asked which hold
  bool limits_known = false;         // ... and has said so, since when they do:
  StoreTime limits_at;
  std::string limits_by;  // who said so
  std::uint32_t line_max = 32;
  ByName<Key> keys;                                     // that are here
  std::map<std::string, KnownKeys, std::less<>> known;  // by parking store
  Holds holds;                                          // of the upstream as a whole
  Words words;             // of persons, also about keys of which nothing else is known
  Opening opening;         // after the last closure that is known: the store may have forgotten
  StoreTime closed_until;  // of that closure, as the store said last
  ClosedBy closed_by = ClosedBy::kNothing;

  Turns<Key> due;  // by weight and cost
  std::deque<Message*> out_of_turn;
  Instant ends_at;         // not asked for before: the store settles nothing now
  std::size_t asking = 0;  // Grants without an answer
  std::size_t batch = 16;  // of a shared limit: asked for at once, more while all of them may go
  wire::Wait why = wire::Wait::kNone;  // why those that are due do not go
  std::string limit;                   // a limit of the whole upstream that is full ...
  StoreTime limit_until;               // ... until then
  Instant limit_again;                 // but asked again then: who was refused may have gone
  Instant crowded_until;  // it is one of attempts at the same time: until one ends, or then
  wire::Wait limit_why = wire::Wait::kNone;
  GiveWay way;           // to other limiters, for such a limit
  std::size_t open = 0;  // attempts under way, as far as they are known here
  StoreTime kept_until;  // something that is not ours kept all of it until then, at least
  bool look = false;     // something changed: look whether the due may go
  Instant look_at = Instant::never();

  // Since when its clock and what is known here of store time do not agree; never: they do. Nothing
  // may go meanwhile. 0: it is to be told at once.
  Instant doubted = Instant::never();
  bool clock_asked = false;
  Instant put_right = Instant::never();  // when it was told so last
  Duration clock_offset;                 // what it adds to its server's clock, as far as was heard

  Duration latency;   // of answered attempts, lately, as the store learnt it
  bool greet = true;  // it may have lines of edits, and knows the latency: to be asked
  std::vector<Completion> completions;
  Instant complete_at;  // not before: nobody knew the time
  std::vector<Emptied::Line> emptied;
  std::vector<std::string> forgotten;
  Instant tidy_at;  // these two are not said before, unless there are many
  [[nodiscard]] std::size_t untidy() const { return emptied.size() + forgotten.size(); }
  std::vector<Key*> to_peek;

  // For those who watch: the key with the most rows, and when its last one goes (0: not known).
  std::string longest;
  std::uint64_t longest_rows = 0;
  StoreTime longest_goes;
};

// max(line_min, what goes in line_span), by the slowest limit; at most line_cap.
std::uint32_t line_max_of(const Upstream& upstream, const Config& config);

}  // namespace sluice::limiter
