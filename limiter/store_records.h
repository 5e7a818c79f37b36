// What a store remembers of one shard (an upstream), and how the script reaches it. The embedded
// store and the simulation's each keep these three kinds of records.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limiter/spans.h"
#include "limiter/store.h"

namespace sluice::limiter {

enum class Stage : std::uint8_t {
  kWaiting = 0,   // no attempt under way; it may be tried from `due` on
  kUnderway = 1,  // granted, until an outcome or the lease's end
  kSettled = 2,   // ended, once and for all
};

// An attempt that is no longer under way, whose real outcome may still come, once: given up at its
// lease's end, or said not to have been started.
struct GivenUp {
  std::uint32_t serial = 0;
  bool counted = false;  // it is one of `attempts`
  friend bool operator==(const GivenUp&, const GivenUp&) = default;
};

struct MessageRecord {
  Stage stage = Stage::kWaiting;
  wire::Record line;           // who it is; content_hash empty: only an outcome told us of it
  std::uint32_t serial = 0;    // of the last grant
  std::uint32_t attempts = 0;  // real ones that ended, throttled ones included
  std::uint32_t throttles = 0;
  std::uint32_t cost = 1;
  bool keep_answer = false;
  StoreTime granted_at;  // this and the next four: of the last grant
  StoreTime start_by;
  StoreTime lease_end;
  std::uint64_t limiter_life = 0;
  std::uint64_t dispatcher_life = 0;
  StoreTime due;
  std::vector<GivenUp> given_up;
  End end;
  std::vector<wire::Record> outbox;
  StoreTime expires_at;
  StoreTime purge_at;  // nobody asks for it any more after this
  // At most one: how an attempt that had been given up ended after all, for good, while the next
  // was under way. The message ends by it unless that next one delivers it.
  std::vector<End> late_end;
};

// An attempt under way.
struct OpenAttempt {
  wire::Attempt attempt;
  StoreTime lease_end;
  std::uint64_t dispatcher_life = 0;
};

// A limit's log, by KnownLimit::log: an edit of the settings may reorder and rename limits.
struct NamedLog {
  std::string limit;
  LimitLog log;
};

// What the upstream itself said is left (RateLimit header fields). It only ever refuses more than
// the logs do; what it says next takes its place.
struct Told {
  StoreTime at;            // when it said so
  StoreTime until;         // until then ...
  std::uint32_t left = 0;  // ... so many more units
};

// Of a key; with an empty key: of the upstream as a whole.
struct KeyRecord {
  std::vector<NamedLog> logs;
  std::vector<OpenAttempt> open;  // of a key only
  std::vector<wire::Hold> holds;
  std::uint32_t penalties = 0;  // in a row, since the last success
  StoreTime penalised_at;       // the last one
  StoreTime reopened_at;        // the first success after it; 0: none is to be lived down
  Told told;
  StoreTime idle_at;  // from then on the record says nothing; never(): it is held
};

// A limit as it was last said (SetLimits), and what its logs cannot know. Logs are kept under a
// name of their own, so that a limit that is renamed keeps them.
struct KnownLimit {
  Limit limit;
  std::string log;
  StoreTime since;         // from then on no more went than its n and window say; 0: always
  StoreTime held_until;    // until then ...
  std::uint32_t held = 0;  // ... so many units may be taken without being in the logs
};

// What one limiter's settings said last.
struct SettingsSaid {
  std::string instance;            // of that limiter
  std::uint64_t file_version = 0;  // of the limits in them
  StoreTime at;                    // when it said so last
  Spans spans;
};

struct ShardRecord {
  StoreTime last;       // store time never goes below; no caller knew it to be earlier
  Duration offset;      // added to the clock's time, after the clock stepped
  std::string life;     // of the store that wrote this; empty: nobody did
  StoreTime opened_at;  // what was known before may be forgotten; 0: fresh, nothing was
  StoreTime closed_until;
  std::uint64_t limits_version = 0;
  std::uint64_t edits = 0;  // of the limits, since the shard was made
  std::vector<KnownLimit> limits;
  std::vector<wire::Record> outbox;  // lines of edits that may not be in the trail yet
  Duration latency;                  // grant to completion, lately
  // Until then no key's record is idle that was not idle at keys_since: what it says was counted
  // for shorter windows.
  StoreTime keys_until;
  StoreTime keys_since;
  Duration stretched;              // by so much windows were made longer since then
  std::string by;                  // who said the limits last, and when
  StoreTime edited_at;             // 0: never since the shard was made
  std::uint64_t file_version = 0;  // of the limits that settings said with effect last
  std::vector<SettingsSaid> said;  // by each limiter, the newest last
  Spans spans;                     // that rule
  // Of what settings say; unknown_hold and store_overlap shrink to that later.
  std::uint64_t spans_version = 0;
  StoreTime tail;  // by then all that was granted by longer spans has arrived
  ClosedBy closed_by = ClosedBy::kNothing;
};

// Idle keys may be gone so much later than the settings need them, but no sooner, even if those are
// edited: a store that deletes by itself keeps them so much longer.
inline constexpr Duration kKeySlack = minutes(10);

// Reading does not write: only what edit_*() returned is written back, made if need be. References
// last until the script's call ends.
class StoreShard {
 public:
  StoreShard() = default;
  StoreShard(const StoreShard&) = default;
  StoreShard& operator=(const StoreShard&) = default;
  virtual ~StoreShard() = default;

  virtual const ShardRecord& state() = 0;
  virtual ShardRecord& edit_state() = 0;
  virtual const MessageRecord* message(const std::string& identity) = 0;  // nullptr: none
  virtual MessageRecord& edit_message(const std::string& identity) = 0;
  virtual const KeyRecord* key(const std::string& key) = 0;
  virtual KeyRecord& edit_key(const std::string& key) = 0;
};

}  // namespace sluice::limiter
