// What the limiter asks of its store, as values: each Call is one atomic script on one shard (an
// upstream; everything in one call is of one upstream). The embedded store (SQLite), the
// simulation's store and later Redis all answer the same calls, and the same conformance suite runs
// on each.
//
// A caller's word for time is its bounds; the store's own clock decides (design 3.2). An answer may
// be lost after the call was applied: every call can be said again with the same effect.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/store_clock.h"
#include "lib/base/upstream.h"
#include "lib/wire/messages.h"
#include "limiter/spans.h"

namespace sluice::limiter {

// Who asks, and until when the question stands.
struct Caller {
  std::uint64_t life = 0;
  StoreBounds bounds;
  StoreTime ask_by;                  // later than this the script refuses (kClockUnsure)
  std::uint64_t limits_version = 0;  // another than the shard's: refused (stale_settings)
  // For a while now the shard's clock was not within these bounds: if it still is not, the shard
  // closes, and if it is further off than is tolerated, its time goes on within them. Without
  // bounds: it closes, and its caller goes by its clock from now on (docs/decisions/0034).
  bool doubted = false;
};

// How a message ended; final.
struct End {
  wire::Settlement settlement = wire::Settlement::kDelivered;
  std::string reason;
  std::uint32_t status = 0;
  std::uint32_t attempts = 0;
  StoreTime at;
  std::string answer = {};  // the upstream's, its first bytes, if the ask had keep_answer
  friend bool operator==(const End&, const End&) = default;
};

// ---- grant: may these messages go? -----------------------------------------------------------

struct GrantAsk {
  wire::Record line;  // what the trail will say of the message: source, key, id,
                      // generation, identity, content_hash, upstream, path, method,
                      // could_go_at, traceparent
  bool offered_before = false;
  bool cancelled = false;
  StoreTime first_seen;
  StoreTime not_before;
  StoreTime expires_at;
  std::uint32_t cost = 1;
  std::uint32_t attempts = 0;  // carried along by a copy that SQS itself moved back
  std::uint32_t throttles = 0;
  std::uint64_t dispatcher_life = 0;  // for whom the grant is
  bool keep_answer = false;           // somebody wants the answer's first bytes (reply_to)
};

struct Grant {
  Caller caller;
  std::vector<GrantAsk> asks;
};

enum class Granted : std::uint8_t {
  kYes,       // the slots are taken; dispatch once
  kWait,      // not now: why, which limit, until when
  kSettled,   // it has ended: end (by an earlier life, by expiry, by cancellation, by conflict)
  kUnderway,  // another life has an attempt of it under way
};

struct GrantAnswer {
  Granted granted = Granted::kWait;
  // kYes, kUnderway
  std::uint32_t serial = 0;
  std::uint32_t attempts = 0;  // real attempts before this one
  StoreTime granted_at;
  StoreTime start_by;
  StoreTime lease_end;
  StoreTime deadline;                       // then the attempt must be over
  std::uint64_t limiter_life = 0;           // whose grant it is
  std::uint64_t dispatcher_life = 0;        // for which dispatcher
  std::vector<std::string> shadow_refused;  // kYes, the first time: limits that only count, by
                                            // name, and would have refused it
  // kWait. kInFlight with a limit's name: a limit of concurrency is full, perhaps the upstream's;
  // `until` is then the end of a lease, and any attempt that ends opens it sooner. kTold is no
  // limit's name: the upstream itself said that so many are left.
  wire::Wait why = wire::Wait::kNone;
  std::string limit;  // the limiting one, by name
  StoreTime until;    // 0: cannot be known; ask when the key's epoch moves
  // kSettled
  End end;
  // What of this message is not known to be in the trail yet, oldest first.
  std::vector<wire::Record> outbox;
};

struct GrantReply {
  std::vector<GrantAnswer> answers;  // one per ask, in order
  // The shard's own lines that are not known to be in the trail (edits of limits), until Emptied
  // names them with an empty identity.
  std::vector<wire::Record> outbox;
};

// ---- complete: this attempt ended ------------------------------------------------------------

// What a failed or throttled attempt costs; drawn and computed by the caller.
struct Consequence {
  Duration retry_after;           // from now until it may be tried again
  Duration penalty;               // > 0: the key is closed this long from now, jitter included;
                                  // the script lengthens it when the answer named no time and
                                  // the key was penalised before (x2 each, up to penalty_max)
  bool penalty_was_told = false;  // the answer named the time: no doubling
};

struct Completion {
  wire::Outcome outcome;  // ended, not_started, status, times, reason, upstream, key
  Consequence consequence;
};

struct Complete {
  Caller caller;
  std::vector<Completion> completions;
};

enum class Wrote : std::uint8_t {
  kNow,       // this outcome decided
  kBefore,    // the same outcome was written before; or it names another key than its message
  kLate,      // the store had already given the attempt up; the slot moved, a late line was written
  kNoRecord,  // the store does not know this message (a closure forgot it): a late line was written
};

struct CompleteAnswer {
  Wrote wrote = Wrote::kNow;
  bool settled = false;
  End end;        // when settled
  StoreTime due;  // when not: the earliest next attempt
  std::uint32_t attempts = 0;
  StoreTime closed_until;  // the key's penalty; 0: none
  std::vector<wire::Record> outbox;
};

struct CompleteReply {
  std::vector<CompleteAnswer> answers;
  Duration latency;  // of the upstream's attempts lately, grant to completion (in_flight.h)
};

// ---- the rest --------------------------------------------------------------------------------

// These lines are in the trail: the outbox need not keep them.
struct Emptied {
  struct Line {
    std::string identity;  // of the message; empty: the shard's own
    std::string record_id;
    // Of the line; with the identity they are what record_id is made of (trail_line.h), and what a
    // store goes by that cannot make digests.
    std::uint32_t serial = 0;
    wire::RecordKind kind = wire::RecordKind::kAttempt;
    static Line of(const wire::Record& line) {
      return {line.identity, line.record_id, line.serial, line.kind};
    }
  };
  std::string upstream;
  std::vector<Line> lines;
};

// Row or queue copy is gone: the records may go after record_min.
struct Forget {
  std::string upstream;
  std::vector<std::string> identities;
};

// The key's (or, with an empty key, the upstream's) hold by a person: written before it is
// answered, unless the one that is there was said later (hold.said_at; lib/wire/words.h).
struct SetHold {
  std::string upstream;
  std::string key;
  bool closed = true;  // false: opened again
  wire::Hold hold;
};

// A slot of one limit's log: open from grant to completion, then counted from `at`.
struct Slot {
  wire::Attempt attempt;
  bool open = true;
  std::uint32_t units = 1;  // the message's cost
  StoreTime at;             // open: lease end; completed: the time it counts from
  StoreTime granted_at;
  friend bool operator==(const Slot&, const Slot&) = default;
};

// Completed units of one sub-window (limits with n > 256): they count from its end.
struct SubWindow {
  StoreTime end;
  std::uint32_t units = 0;
  friend bool operator==(const SubWindow&, const SubWindow&) = default;
};

// What one limit remembers of one key (scope key) or of its upstream. PeekReply shows sub-windows
// as completed slots.
struct LimitLog {
  std::vector<Slot> slots;
  StoreTime tat;                        // pacing: theoretical arrival time (GCRA); 0: bucket full
  std::vector<SubWindow> counted = {};  // by end
  friend bool operator==(const LimitLog&, const LimitLog&) = default;
};

// What the store knows of keys, to tell people when a message will go. Changes nothing.
struct Peek {
  std::string upstream;
  std::vector<std::string> keys;
};

// What holds a limit tighter for a key than its settings say; all of it together.
struct Tightened {
  std::uint32_t n = 0;     // at most so many at `now`: less than N while the key reopens slowly
  std::uint32_t step = 0;  // ... then n grows by this
  StoreTime grows_at;      // ... at this time and after each further window, up to N; 0: n == N, or
                           // nobody can know (one_at_a_time: first an attempt must succeed)
  std::uint32_t held = 0;  // so many units are taken by what an edit cannot know to be free ...
  StoreTime held_until;    // ... until then
};

struct KeyState {
  std::vector<LimitLog> logs;     // one per limit of the upstream, in the settings' order
  std::vector<wire::Hold> holds;  // the key's and the upstream's
  StoreTime closed_until;         // closure, as it holds for this key; 0: open
  std::vector<Tightened> limits;  // one per limit, in the same order
  std::uint32_t in_flight = 1;    // attempts of the key that may be under way now
  bool one_at_a_time = false;     // after a penalty, until an attempt succeeds
  StoreTime told_until;           // 0, or: the upstream said that until then ...
  std::uint32_t told_left = 0;    // ... so many more units may go
  std::vector<StoreTime> open;    // its attempts under way: when each was granted
};

struct PeekReply {
  std::vector<KeyState> keys;  // one per asked key, in order
  Duration latency;            // as in CompleteReply
};

// What time is it, is the shard open? Also the caller's round trip. It carries what the caller
// knows of store time (bounds 0: nothing yet), so that a clock that stepped is seen before it is
// believed.
struct AskClock {
  std::string upstream;
  Caller caller = {};
};

// Sends that were made elsewhere: `units` are taken of every rate limit that applies to the key
// (empty: of the upstream's own), over n if need be, as they have happened. Its line (kConsume) is
// in the answer until Emptied. Said again with the same id it changes nothing.
struct Consume {
  Caller caller;
  std::string upstream;
  std::string key;
  std::uint32_t units = 1;
  StoreTime at;    // when they arrived; 0, or in the future: now
  std::string id;  // 16 bytes, never used for anything else
  std::string by;  // who says so
};

// From now on these are the limits of the upstream, for whoever asks; a change is a line of kind
// kLimits (docs/decisions/0012, 0026, 0030). Three say so:
//   - a person (`limits` not empty), once: unless another version than `instead_of` holds. 0: any;
//   - a limiter that remembers what was said at `said_at`, to a store that may have forgotten it:
//     unless what holds was said then or later;
//   - the store's settings (`limits` empty). The stores say it themselves, of each upstream, when
//     they are opened, when their settings change, and now and then (`again`). What spoke last, and
//     what this limiter's settings said before, changes no limits: no restart undoes what a person
//     said since. Only settings say spans (spans.h).
struct SetLimits {
  std::string upstream;
  std::string by;
  std::vector<Limit> limits = {};
  std::uint64_t instead_of = 0;
  std::uint64_t asker = 0;  // of the caller's own; says nothing to the store
  StoreTime said_at = {};
  bool again = false;  // this limiter has said these settings before, and means no edit
};

// Which limits hold?
struct AskLimits {
  std::string upstream;
  std::uint64_t asker = 0;  // of the caller's own; says nothing to the store
};

// What the trail proves has arrived is counted again, after the store may have forgotten it
// (sluice-limiter restore). So many units of the key arrived by then, as far as this limit counts
// them: whatever of that its log knows already counts once, and what the log knows besides stays.
struct Arrived {
  StoreTime at;
  std::uint32_t units = 1;
  friend bool operator==(const Arrived&, const Arrived&) = default;
};
struct Restore {
  // Of one key's log of one rate limit; the limit by its place among those that hold.
  struct Log {
    std::string key;  // says nothing of a limit of the upstream as a whole
    std::uint32_t limit = 0;
    std::vector<Arrived> arrived;  // the latest first
  };
  std::string upstream;
  // What it was computed for; another version, or another closure: nothing is done (`stale`).
  std::uint64_t limits_version = 0;
  StoreTime closed_until;
  std::vector<Log> logs;
  // Empty, or one for each limit that holds: what the store may have forgotten besides is no more
  // than so many units of any key. That is how a person ends the closure of a long window; its line
  // (kLimits, without an edit) names who.
  std::vector<std::uint32_t> held;
  std::string by;
};
// Arrivals in one call.
inline constexpr std::size_t kRestoreMax = 1'000;

using Call = std::variant<Grant, Complete, Emptied, Forget, SetHold, Peek, AskClock, Consume,
                          SetLimits, AskLimits, Restore>;

// Why the shard was closed last.
enum class ClosedBy : std::uint8_t {
  kNothing,       // it never was
  kFirst,         // the store knew nothing of it, and nobody said that it was new
  kLife,          // its server has another life: it may have forgotten
  kBack,          // its clock went back
  kContradicted,  // its clock leapt ahead
  kSpans          // attempts that it forgot may take longer than it knew when it closed
};

// What a limit is called that only the upstream's answers state (RateLimit header fields).
inline constexpr const char* kTold = "told by the upstream";

struct Acknowledged {
  StoreTime closed_until;            // the shard's last closure, also when over; 0: there was none
  Duration latency;                  // as in CompleteReply
  std::vector<wire::Record> outbox;  // as in GrantReply; with Consume: its line
  ClosedBy closed_by = ClosedBy::kNothing;
  StoreTime later_word = {};  // of a SetHold: it changed nothing, as one said then stands; 0: none
  Duration offset = {};       // of store time to what the clock says
  std::string later_by = {};  // who said that later word
};
// The limits that hold, and who said so last.
struct ShardLimits {
  std::uint64_t version = 0;  // limits_version() of them
  std::string by;
  StoreTime at;  // 0: settings said it when the shard was made
  std::vector<Limit> limits;
};
// Of SetLimits, AskLimits and Restore. `stale`: another version than it was said for holds; nothing
// was changed.
struct LimitsReply {
  bool stale = false;
  ShardLimits limits;
  Acknowledged shard;
  Spans spans = {};  // of SetLimits: that rule
};
// The world failed: whether the call was applied is not known. `full`: no room on the store's disk.
struct StoreFailed {
  std::string what;
  bool full = false;
};

using Answer =
    std::variant<GrantReply, CompleteReply, PeekReply, Acknowledged, LimitsReply, StoreFailed>;

// An effect of the limiter's core, and the reply to it.
struct StoreAsk {
  std::uint64_t call_id = 0;
  Call call;
};
struct StoreReply {
  std::uint64_t call_id = 0;
  Answer answer;
  StoreTime now;  // the store's clock when it answered a call that carries a Caller; 0 with others
                  // and with StoreFailed: what was not compared with bounds teaches none
  Instant sent;
  Instant received;
  std::uint64_t limits_version = 0;  // that the shard had then; 0: not known
  // This machine's wall clock when it was received; 0: the store's clock is this machine's own.
  StoreTime wall = {};
};

}  // namespace sluice::limiter
