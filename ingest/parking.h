// What ingest asks of its parking store, as values: each Call is one transaction. The embedded
// store (SQLite), a table of DynamoDB and the simulation's hostile fake answer the same calls, and
// the same conformance suite (tests/ingest/parking_suite.h) runs on each.
//
// A *row* is a message that waits, in its key's order; a *name* says that an identity is known and
// how it ended, and outlives the row by `remember`. Both are written in one transaction (design 4.2
// rule 5). An answer may be lost after its call was applied: every call can be said again with the
// same effect.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/wire/messages.h"

namespace sluice::ingest {

enum class NameState : std::uint8_t {
  kWaiting = 1,    // its row is there
  kDelivered = 2,  // these four: settled, the row is gone
  kDead = 3,
  kExpired = 4,
  kCancelled = 5,
  kAccepted = 6,  // its row comes by a queue, into which the front door sends it
};

// Beyond, it is not counted how many rows go before a message; a store may stop before that.
inline constexpr std::uint32_t kAheadMax = 20'000;

// What is known of an identity, also after its row is gone.
struct Name {
  std::string identity;
  std::string source;
  std::string key;
  std::string id;
  std::uint32_t generation = 0;
  std::string content_hash;
  std::string upstream;
  StoreTime first_seen;
  StoreTime expires_at;
  bool cancelled = false;  // a person asked for its end; it may still have been delivered
  NameState state = NameState::kWaiting;
  std::string reason;  // these four when settled
  std::uint32_t status = 0;
  std::uint32_t attempts = 0;
  StoreTime settled_at;
  friend bool operator==(const Name&, const Name&) = default;
};

// What is announced of a key (Parked), read in the transaction of the call that it answers.
struct KeyFacts {
  std::string key;
  std::string upstream;
  std::uint64_t count = 0;      // rows
  std::int64_t head_order = 0;  // of the first row; 0 without rows
  std::vector<wire::Hold> holds;
};

// ---- calls -----------------------------------------------------------------------------------

// Row and name, if no such name is there, or the one there has ended and was to be remembered until
// before `now`, or it lost its identity to another message (id_conflict), which may be this one
// (not with `id_alone`). The row's `offered_before` is kept as the mark `offered`. A row that goes
// in order (`in_order`) stands after all such rows of its key, whatever clocks say: its order is
// its own or one more than the last one's, what is greater.
//
// With `accept_until` it is the name alone, accepted, and remembered until then. A later Put of
// this identity and these bytes is the row of that name, marked if it is cancelled; of one that the
// front door has sent into a queue (`posted`) the bytes are as the settings have it that hold when
// it comes.
struct Put {
  wire::Offer row;
  bool id_alone = false;  // source + id name the message (front door), whatever key and generation
  StoreTime now;
  StoreTime accept_until = {};
  bool posted = false;
};

// A place among the rows of a key.
struct RowPlace {
  std::int64_t order = INT64_MIN;
  std::string identity;
};

// The first rows of a key by (order, identity) after a place, by a consistent read. Rows that were
// never offered are marked in the same transaction; the answer says what the mark was before.
struct ReadHead {
  std::string key;
  std::uint32_t count = 0;
  std::uint64_t bytes_max = 0;  // stop after the row that reaches this
  RowPlace after = {};
};

// The message has ended: its row goes, its name stays until `remember_until`; a dead one becomes a
// dead letter in the same transaction, unless it has gone to a queue's (`buried`), and if its row
// says so (`stops_dead`) its key is held, by wire::kDeadMessage as of its death. Without a row and
// a name nothing happens, nor when these are of other bytes than what has ended. `accepted`: it has
// died before it was a row, and a name that is not accepted is not its own.
struct SettleRow {
  wire::Settled settled;
  StoreTime remember_until;
  bool buried = false;
  bool accepted = false;
};

// The row of a message that has ended, before it goes: with its envelope, which heads and those
// that end come without.
struct ReadRow {
  std::string identity;
  std::string key;
};

// A row that is to go later (or sooner) than its order said. One that goes in order stays.
struct Reorder {
  std::string identity;
  std::int64_t order = 0;
  std::string key = {};  // its own
};

// By source and id, the newest generation of what was put by its id alone (others may be found).
struct LookupId {
  std::string source;
  std::string id;
  std::string key;                 // whose facts are wanted when there is no such name
  std::int64_t order = INT64_MAX;  // ... and where in it the message would stand
};

// A person wants it not to be sent. The name and the row are marked, of what is accepted the name;
// only settlement ends it.
struct MarkCancelled {
  std::string source;
  std::string id;
};

// Keys that have rows or holds, in the order of their bytes, after this one.
struct ListKeys {
  std::string after;
  std::uint32_t count = 0;
};

// Where a list of rows that end goes on, by what its store has them in order.
struct EndingPlace {
  bool expired = false;  // the cancelled ones have been listed
  std::string identity = {};
  StoreTime expires_at = {INT64_MIN};
  std::int64_t number = 0;
};

// Rows that need no turn: cancelled ones, and those whose expires_at is not after `now`. They are
// marked offered, as by ReadHead. One that is both may come twice.
struct ListEnding {
  StoreTime now;
  EndingPlace after;  // the `next` of the page before
  std::uint32_t count = 0;
  std::uint64_t bytes_max = 0;
};

// The key's holds by persons, and long penalties: replaces what was there, but for a stop behind a
// message that died later than the word among them was said; none removes it.
struct SetHolds {
  std::string key;
  std::string upstream;
  std::vector<wire::Hold> holds;
};

// Names whose time is over go, at most `count` of them (and uncounted what the store itself drops).
struct ForgetNames {
  StoreTime now;
  std::uint32_t count = 0;
};

using Call = std::variant<Put, ReadHead, ReadRow, SettleRow, Reorder, LookupId, MarkCancelled,
                          ListKeys, ListEnding, SetHolds, ForgetNames>;

// ---- answers ---------------------------------------------------------------------------------

enum class PutEnd : std::uint8_t {
  kCreated,   // row and name are there now, and were not before
  kSame,      // the name was there with the same key and bytes: waiting, or settled
  kOther,     // the name was there with another key or other bytes: nothing was changed
  kTooLarge,  // no row of this store can hold it: nothing was changed
};

struct PutAnswer {
  PutEnd end = PutEnd::kCreated;
  Name name;
  KeyFacts key;
};

struct HeadAnswer {
  std::vector<wire::Offer> rows;  // origin kRow; offered_before as it was before this read
  bool more = false;
  KeyFacts key;
};

struct RowAnswer {
  std::optional<wire::Offer> row;
};

enum class SettleEnd : std::uint8_t { kSettled, kBefore, kUnknown, kOther };

struct SettleAnswer {
  SettleEnd end = SettleEnd::kSettled;
  std::string identity;
  KeyFacts key;          // empty with kUnknown and kOther
  bool stopped = false;  // the key is held from now on
};

struct ReorderAnswer {
  bool there = false;
  KeyFacts key;
};

struct LookupAnswer {
  std::optional<Name> name;
  // Rows of its key before it, if it waits and they are few. Without a name: those before the
  // asked order, and whatever stands behind more than kAheadMax of them.
  std::optional<std::uint64_t> ahead;
  KeyFacts key;  // of its key; without a name, of the asked key
};

struct CancelAnswer {
  std::optional<Name> name;
  std::optional<wire::Offer> row;  // while it waits, now with `cancelled`
};

struct KeysAnswer {
  std::vector<KeyFacts> keys;
  bool more = false;
};

struct EndingAnswer {
  std::vector<wire::Offer> rows;
  std::optional<EndingPlace> next;  // none: that was all
};

struct ForgetAnswer {
  std::uint32_t gone = 0;
};

struct Acknowledged {};

// The world failed: whether the call was applied is not known.
struct ParkingFailed {
  std::string what;
  bool full = false;   // no room on the disk
  bool alone = false;  // of this call only: what it asks for is damaged
};

using ParkingAnswer =
    std::variant<PutAnswer, HeadAnswer, RowAnswer, SettleAnswer, ReorderAnswer, LookupAnswer,
                 CancelAnswer, KeysAnswer, EndingAnswer, ForgetAnswer, Acknowledged, ParkingFailed>;

// An effect of ingest's core, and the reply to it. The calls of one turn may share a commit; each
// is answered only after it.
struct ParkingCall {
  std::uint64_t call_id = 0;
  Call call;
};
struct ParkingReply {
  std::uint64_t call_id = 0;
  ParkingAnswer answer;
};

// All of a store.
struct ParkingSums {
  std::uint64_t rows = 0;
  std::uint64_t keys = 0;
  std::uint64_t dead = 0;
};

}  // namespace sluice::ingest
