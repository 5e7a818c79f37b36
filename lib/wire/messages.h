// The contract in C++: what the five processes say to each other (docs/protocol.md, proto/).
// Plain values; protobuf's own headers stay inside codec.cc. Times are store time in microseconds
// since the Unix epoch; spans are microseconds; ids are raw bytes.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/instant.h"
#include "lib/wire/fields.h"

namespace sluice::wire {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kBodyMax = 256 * 1024;    // a request's body, bytes (SQS's own limit)
inline constexpr std::size_t kFrameMax = 1024 * 1024;  // one frame on the wire, bytes
// Of a queue's message, as JSON: what a frame has room for beside a body.
inline constexpr std::size_t kEnvelopeMax = kFrameMax - kBodyMax;
inline constexpr std::size_t kKeyMax = 256;  // a key, bytes
inline constexpr std::size_t kIdMax = 256;   // a message's id, bytes
inline constexpr std::size_t kHeadersMax = 64;
inline constexpr std::size_t kAnswerMax = 16 * 1024;  // of an answer's body, what is kept, bytes
inline constexpr std::size_t kNameMax = 64;           // upstreams, limits, instances, providers
inline constexpr std::size_t kSourceMax = 80;         // a queue's name at SQS, a source's
inline constexpr std::size_t kLimitsMax = 32;         // of an upstream
inline constexpr std::int64_t kSpanMax = 1LL << 50U;  // a limit's spans, microseconds

#define SLUICE_FIELDS(...)                                                  \
  template <class Self, class Row>                                          \
  static void fields([[maybe_unused]] Self& m, [[maybe_unused]] Row& row) { \
    __VA_ARGS__                                                             \
  }

// ---- words that several messages share -------------------------------------------------------

enum class Role : std::uint32_t {
  kIngest = 1,
  kLimiter = 2,
  kDispatcher = 3,
  kAuditor = 4,
  kAlerter = 5
};

// Why a message waits. The decision's own reason: logged, counted, shown, tested.
enum class Wait : std::uint32_t {
  kNone = 1,           // it may go now
  kNotBefore = 2,      // the producer said not before
  kBackoff = 3,        // after a failed attempt
  kBehind = 4,         // others of its key are ahead of it
  kInFlight = 5,       // as many attempts of its key are under way as may be
  kWindowFull = 6,     // N slots of a limit are taken
  kPacing = 7,         // the burst is spent
  kPaused = 8,         // by a person
  kPenalty = 9,        // by the upstream
  kBreaker = 10,       // the upstream cannot be reached
  kClosure = 11,       // the store forgot (design 4.4)
  kUpstreamFull = 12,  // dispatchers have no room for this upstream
  kNoDispatcher = 13,  // no dispatcher is connected
  kStoreDown = 14,     // no store, no grant
  kAuditorAway = 15,   // unrecorded_max lines wait for the auditor
  kUnderway = 16,      // an attempt of it is under way
  kClockUnsure = 17,   // no trustworthy bounds of store time
  kUnloaded = 18,      // its row is beyond the line's head, or has not been offered yet
};
inline constexpr OneOf kAnyWait{1, 18};

enum class Origin : std::uint32_t { kRow = 1, kQueueCopy = 2 };

// How one attempt ended.
enum class Ended : std::uint32_t {
  kDelivered = 1,
  kRefused = 2,
  kFailed = 3,
  kThrottled = 4,
  kUnknown = 5,
  kNotStarted = 6
};
// Why an attempt was not started. Only kConnect saw the network; none put a byte of it on the wire.
enum class NotStarted : std::uint32_t {
  kNone = 1,
  kTooLate = 2,
  kFull = 3,
  kRecalled = 4,
  kConnect = 5,
  kNeverSeen = 6,
  kDraining = 7,
  kLane = 8,  // the request would leave its upstream's lane: refused before the first byte
};

// How a message ended.
enum class Settlement : std::uint32_t { kDelivered = 1, kDead = 2, kExpired = 3, kCancelled = 4 };

// One attempt, named once and never again: the message's identity and a serial number that counts
// grants (also those that were not started).
struct Attempt {
  std::string identity;
  std::uint32_t serial = 0;
  friend auto operator<=>(const Attempt&, const Attempt&) = default;
  SLUICE_FIELDS(row(1, "identity", m.identity, exactly(16)); row(2, "serial", m.serial, Whole{1});)
};

struct Header {
  std::string name;
  std::string value;
  friend bool operator==(const Header&, const Header&) = default;
  SLUICE_FIELDS(row(1, "name", m.name, Text{1, 256}); row(2, "value", m.value, Text{0, 8192});)
};

struct Request {
  std::string method;
  std::string path;
  std::vector<Header> headers;
  std::string body;
  friend bool operator==(const Request&, const Request&) = default;
  SLUICE_FIELDS(row(1, "method", m.method, Text{1, 16}); row(2, "path", m.path, Text{1, 8192});
                row(3, "headers", m.headers, Many{kHeadersMax});
                row(4, "body", m.body, Bytes{0, kBodyMax});)
};

enum class HoldKind : std::uint32_t { kPenalty = 1, kPause = 2, kBreaker = 3, kClosure = 4 };

// A key or an upstream is closed until then (0: until somebody opens it).
struct Hold {
  HoldKind kind = HoldKind::kPenalty;
  StoreTime until;
  std::string by;
  StoreTime said_at = {};  // of a pause: it counts unless a later one was said (words.h)
  SLUICE_FIELDS(row(1, "kind", m.kind, OneOf{1, 4}); row(2, "until_us", m.until, Whole{0});
                row(3, "by", m.by, Text{0, 256}); row(4, "said_at_us", m.said_at, Whole{0});)
};

// How many requests for an upstream the sender of this takes at the same time from the receiver.
struct Credit {
  std::string upstream;  // empty: offers, whatever their upstream
  std::uint32_t window = 0;
  Wait why = Wait::kNone;  // why it is less than usual: kBreaker, kUpstreamFull
  SLUICE_FIELDS(row(1, "upstream", m.upstream, Text{0, kNameMax});
                row(2, "window", m.window, Whole{0, 1'000'000}); row(3, "why", m.why, kAnyWait);)
};

enum class LimitScope : std::uint32_t { kKey = 1, kUpstream = 2 };
enum class LimitKind : std::uint32_t { kRate = 1, kConcurrency = 2 };

// A limit of an upstream, as lib/base/upstream.h has it (limits.h makes one of the other). Spans
// are those that hold: scaled already.
struct Limit {
  std::string name;
  LimitScope scope = LimitScope::kKey;
  LimitKind kind = LimitKind::kRate;
  std::uint32_t n = 1;
  Duration window;
  std::uint32_t burst = 1;
  Duration guard;
  bool shadow = false;
  friend bool operator==(const Limit&, const Limit&) = default;
  SLUICE_FIELDS(row(1, "name", m.name, Text{1, kNameMax}); row(2, "scope", m.scope, OneOf{1, 2});
                row(3, "kind", m.kind, OneOf{1, 2}); row(4, "n", m.n, Whole{1, 1'000'000});
                row(5, "window_us", m.window, Whole{1, kSpanMax});
                row(6, "burst", m.burst, Whole{1, 1'000'000});
                row(7, "guard_us", m.guard, Whole{0, kSpanMax});
                row(8, "shadow", m.shadow, Flag{});)
};

// ---- every link: who is there ----------------------------------------------------------------

// First on every connection, from the side that connects; said again until Welcome.
struct Hello {
  std::uint32_t oldest_version = kVersion;
  Role role = Role::kIngest;
  std::string instance;
  std::int64_t stamp_us = 0;  // the sender's steady clock, to be echoed
  SLUICE_FIELDS(row(1, "oldest_version", m.oldest_version, Whole{1});
                row(2, "role", m.role, OneOf{1, 5});
                row(3, "instance", m.instance, Text{1, kNameMax});
                row(4, "stamp_us", m.stamp_us, Whole{0});)
};

struct Welcome {
  Role role = Role::kLimiter;
  std::string instance;
  SLUICE_FIELDS(row(1, "role", m.role, OneOf{1, 5});
                row(2, "instance", m.instance, Text{1, kNameMax});)
};

// The answer to a frame that was meant for another life of this process.
struct NotMe {
  std::uint64_t meant_life = 0;
  SLUICE_FIELDS(row(1, "meant_life", m.meant_life, Whole{});)
};

// Each second, and with Welcome. Echoes the other's last stamp for round trips (design 3.2), says
// what the sender takes (credits), and what it holds of the receiver's (count and XOR of the first
// eight bytes of the identities): a difference three times in a row makes the receiver say
// everything again.
struct Heartbeat {
  std::int64_t stamp_us = 0;
  std::int64_t echo_us = 0;      // 0: none heard yet
  std::int64_t echo_age_us = 0;  // how long the echoed stamp lay here
  StoreTime store_low;           // both 0: the sender knows no store time
  StoreTime store_high;
  std::vector<Credit> credits;
  std::uint64_t held_count = 0;
  std::uint64_t held_hash = 0;
  SLUICE_FIELDS(row(1, "stamp_us", m.stamp_us, Whole{0}); row(2, "echo_us", m.echo_us, Whole{0});
                row(3, "echo_age_us", m.echo_age_us, Whole{0});
                row(4, "store_low_us", m.store_low, Whole{0});
                row(5, "store_high_us", m.store_high, Whole{0});
                row(6, "credits", m.credits, Many{1024});
                row(7, "held_count", m.held_count, Whole{});
                row(8, "held_hash", m.held_hash, Whole{});)
};

// ---- ingest -> limiter -----------------------------------------------------------------------

// Here is a message that waits. Idempotent.
struct Offer {
  std::string identity;  // digest of (source, key, id, generation), 16 bytes: identity.h
  std::string source;
  std::string key;
  std::string id;
  std::uint32_t generation = 0;
  std::string content_hash;  // SHA-256 of method, path, headers and body: identity.h
  std::string upstream;
  Origin origin = Origin::kRow;
  std::string store;       // which parking store has the row (or would have it)
  std::int64_t order = 0;  // place in the key's order (design 4.2 rule 5); ties by identity
  StoreTime first_seen;
  StoreTime not_before;  // 0: at once
  StoreTime expires_at;
  std::int32_t priority = 0;
  std::uint32_t weight = 0;  // share in fair turns; 0 means 1
  std::uint32_t cost = 0;    // units of each limit; 0 means 1
  bool offered_before = false;
  bool cancelled = false;
  Request request;
  std::string traceparent;  // W3C Trace Context
  std::string reply_to;
  std::uint32_t attempts = 0;  // carried along by a copy that SQS itself moved back
  std::uint32_t throttles = 0;
  std::uint64_t want_id = 0;  // the Want that this answers; 0: unasked
  // Of the messages of its key that say so, one goes after the other has ended, by their order.
  bool in_order = false;
  bool stops_dead = false;  // of those: its key stops when it is dead, until a person opens it
  std::string envelope;     // ingest's own, kept with a row: what its queue's copy had besides
  SLUICE_FIELDS(row(1, "identity", m.identity, exactly(16));
                row(2, "source", m.source, Text{1, kSourceMax});
                row(3, "key", m.key, Text{1, kKeyMax}); row(4, "id", m.id, Text{1, kIdMax});
                row(5, "generation", m.generation, Whole{0, 1'000'000});
                row(6, "content_hash", m.content_hash, exactly(32));
                row(7, "upstream", m.upstream, Text{1, kNameMax});
                row(8, "origin", m.origin, OneOf{1, 2});
                row(9, "store", m.store, Text{0, kNameMax}); row(10, "order", m.order, Whole{0});
                row(11, "first_seen_us", m.first_seen, Whole{1});
                row(12, "not_before_us", m.not_before, Whole{0});
                row(13, "expires_at_us", m.expires_at, Whole{1});
                row(14, "priority", m.priority, Whole{-1000, 1000});
                row(15, "weight", m.weight, Whole{0, 1'000'000});
                row(16, "cost", m.cost, Whole{0, 1'000'000});
                row(17, "offered_before", m.offered_before, Flag{});
                row(18, "cancelled", m.cancelled, Flag{}); row(19, "request", m.request, One{});
                row(20, "traceparent", m.traceparent, Text{0, 128});
                row(21, "reply_to", m.reply_to, Text{0, 2048});
                row(22, "attempts", m.attempts, Whole{0, 1'000'000});
                row(23, "throttles", m.throttles, Whole{0, 1'000'000});
                row(24, "want_id", m.want_id, Whole{}); row(25, "in_order", m.in_order, Flag{});
                row(26, "stops_dead", m.stops_dead, Flag{});
                row(27, "envelope", m.envelope, Bytes{0, kEnvelopeMax});)
};

// This key has rows in this store. Said after each put that committed, for all keys on every
// welcome and every 60 s. count 0 is never said: only an empty answer to a Want takes a key back.
struct Parked {
  std::string store;
  std::string key;
  std::string upstream;
  std::uint64_t count = 0;
  std::int64_t head_order = 0;
  std::vector<Hold> holds;
  SLUICE_FIELDS(row(1, "store", m.store, Text{1, kNameMax}); row(2, "key", m.key, Text{1, kKeyMax});
                row(3, "upstream", m.upstream, Text{1, kNameMax});
                row(4, "count", m.count, Whole{}); row(5, "head_order", m.head_order, Whole{0});
                row(6, "holds", m.holds, Many{16});)
};

// All keys of this store have now been announced on this connection.
struct Announced {
  std::string store;
  std::uint64_t keys = 0;
  SLUICE_FIELDS(row(1, "store", m.store, Text{1, kNameMax}); row(2, "keys", m.keys, Whole{});)
};

// The end of the answer to a Want: so many rows were offered, and whether the store has more.
struct Rows {
  std::uint64_t want_id = 0;
  std::string store;
  std::string key;
  std::uint32_t count = 0;
  bool more = false;
  SLUICE_FIELDS(row(1, "want_id", m.want_id, Whole{1}); row(2, "store", m.store, Text{1, kNameMax});
                row(3, "key", m.key, Text{1, kKeyMax});
                row(4, "count", m.count, Whole{0, 1'000'000}); row(5, "more", m.more, Flag{});)
};

// Row or queue copy of a settled message is gone: the store may forget its record.
struct Forgotten {
  std::string identity;
  std::string upstream;
  SLUICE_FIELDS(row(1, "identity", m.identity, exactly(16));
                row(2, "upstream", m.upstream, Text{1, kNameMax});)
};

// When would it go? Without identity: a message that is not here yet, behind `ahead` others.
struct Quote {
  std::uint64_t quote_id = 0;
  std::string upstream;
  std::string key;
  std::string identity;
  std::uint64_t ahead = 0;  // rows of the key that the asker knows to be before it
  std::uint32_t cost = 0;
  StoreTime not_before;
  SLUICE_FIELDS(row(1, "quote_id", m.quote_id, Whole{1});
                row(2, "upstream", m.upstream, Text{1, kNameMax});
                row(3, "key", m.key, Text{1, kKeyMax});
                row(4, "identity", m.identity, Bytes{0, 16}); row(5, "ahead", m.ahead, Whole{});
                row(6, "cost", m.cost, Whole{0, 1'000'000});
                row(7, "not_before_us", m.not_before, Whole{0});)
};

enum class Verb : std::uint32_t {
  kPause = 1,
  kResume = 2,
  kConsume = 3,
  kCancel = 4,
  kEditLimits = 5,
  kLookLimits = 6
};

// kEditLimits: these are the upstream's limits from now on, if limits_version is the one that
// holds, or 0. kLookLimits: which are they?
struct Control {
  std::uint64_t control_id = 0;
  Verb verb = Verb::kPause;
  std::string upstream;
  std::string key;           // empty: the whole upstream
  std::string identity;      // kCancel
  std::uint32_t amount = 0;  // kConsume
  StoreTime until;           // kPause; 0: until resumed
  std::string by;
  std::string limits;  // not used, and not read
  std::uint64_t limits_version = 0;
  std::vector<Limit> limit_rows = {};
  StoreTime said_at = {};  // kPause, kResume: of two words the later counts (words.h)
  SLUICE_FIELDS(row(1, "control_id", m.control_id, Whole{1}); row(2, "verb", m.verb, OneOf{1, 6});
                row(3, "upstream", m.upstream, Text{1, kNameMax});
                row(4, "key", m.key, Text{0, kKeyMax});
                row(5, "identity", m.identity, Bytes{0, 16});
                row(6, "amount", m.amount, Whole{0, 1'000'000});
                row(7, "until_us", m.until, Whole{0}); row(8, "by", m.by, Text{0, 256});
                row(9, "limits", m.limits, Bytes{0, 65536});
                row(10, "limits_version", m.limits_version, Whole{});
                row(11, "limit_rows", m.limit_rows, Many{kLimitsMax});
                row(12, "said_at_us", m.said_at, Whole{0});)
};

// ---- limiter -> ingest -----------------------------------------------------------------------

// The message's one end. Said after its record is in the trail; said again as often as it is
// offered.
struct Settled {
  std::string identity;
  std::string key;
  std::string upstream;
  Settlement settlement = Settlement::kDelivered;
  std::string reason;        // dead: why, in our words ("attempts", "refused", "id_conflict")
  std::uint32_t status = 0;  // last HTTP status; 0: none
  std::uint32_t attempts = 0;
  StoreTime at;
  std::string answer = {};        // the first bytes of the last answer's body; only for a reply_to
  std::string content_hash = {};  // of what ended; empty: whatever has this identity
  SLUICE_FIELDS(row(1, "identity", m.identity, exactly(16)); row(2, "key", m.key, Text{1, kKeyMax});
                row(3, "upstream", m.upstream, Text{1, kNameMax});
                row(4, "settlement", m.settlement, OneOf{1, 4});
                row(5, "reason", m.reason, Text{0, 256}); row(6, "status", m.status, Whole{0, 999});
                row(7, "attempts", m.attempts, Whole{0, 1'000'000});
                row(8, "at_us", m.at, Whole{0}); row(9, "answer", m.answer, Bytes{0, kAnswerMax});
                row(10, "content_hash", m.content_hash, Bytes{0, 32});)
};

// I do not keep it in the line: put a queue copy into parking, let go of a row (it stays a row).
struct Park {
  std::string identity;
  std::string key;
  Origin origin = Origin::kQueueCopy;
  Wait why = Wait::kBehind;
  StoreTime due;  // a retry whose time is far: the order it gets; 0: as it was
  SLUICE_FIELDS(row(1, "identity", m.identity, exactly(16)); row(2, "key", m.key, Text{1, kKeyMax});
                row(3, "origin", m.origin, OneOf{1, 2}); row(4, "why", m.why, kAnyWait);
                row(5, "due_us", m.due, Whole{0});)
};

// Offer me the first `count` rows of this key, in order, by a consistent read, then say Rows.
struct Want {
  std::uint64_t want_id = 0;
  std::string store;
  std::string key;
  std::uint32_t count = 0;
  SLUICE_FIELDS(row(1, "want_id", m.want_id, Whole{1}); row(2, "store", m.store, Text{1, kNameMax});
                row(3, "key", m.key, Text{1, kKeyMax});
                row(4, "count", m.count, Whole{1, 100'000});)
};

struct Quoted {
  std::uint64_t quote_id = 0;
  Wait why = Wait::kNone;
  StoreTime now;                // store time of this answer
  StoreTime departs_at;         // 0: cannot be known (paused, breaker, no store)
  std::uint64_t position = 0;   // messages of its key before it
  std::string limit;            // the limit that decides, by name
  std::uint32_t quota = 0;      // its N
  Duration window;              // its W
  std::uint32_t remaining = 0;  // what may go at once
  Duration reset;               // when one more may go
  std::uint32_t cost_max = 0;   // what costs more can never go; 0: not said
  SLUICE_FIELDS(row(1, "quote_id", m.quote_id, Whole{1}); row(2, "why", m.why, kAnyWait);
                row(3, "now_us", m.now, Whole{0}); row(4, "departs_at_us", m.departs_at, Whole{0});
                row(5, "position", m.position, Whole{});
                row(6, "limit", m.limit, Text{0, kNameMax}); row(7, "quota", m.quota, Whole{0});
                row(8, "window_us", m.window, Whole{0}); row(9, "remaining", m.remaining, Whole{0});
                row(10, "reset_us", m.reset, Whole{0}); row(11, "cost_max", m.cost_max, Whole{});)
};

// Of kEditLimits and kLookLimits also which limits hold now. Neither done nor stale nor a field
// named: it is not known whether what was asked for holds. A kPause or kResume is stale when a
// later word is known, which was said `at` then and `by` whom ("": an older limiter does not say).
struct Controlled {
  std::uint64_t control_id = 0;
  bool done = false;
  std::string error;  // why not, for a person
  std::string field =
      {};              // kEditLimits: what of it cannot be (a JSON Pointer); nothing was changed
  bool stale = false;  // kEditLimits: another version holds; nothing was changed
  std::uint64_t limits_version = 0;
  std::vector<Limit> limit_rows = {};
  std::string by = {};  // who said so last ...
  StoreTime at = {};    // ... and when; 0: as long as the store knows
  SLUICE_FIELDS(row(1, "control_id", m.control_id, Whole{1}); row(2, "done", m.done, Flag{});
                row(3, "error", m.error, Text{0, 512}); row(4, "field", m.field, Text{0, 256});
                row(5, "stale", m.stale, Flag{});
                row(6, "limits_version", m.limits_version, Whole{});
                row(7, "limit_rows", m.limit_rows, Many{kLimitsMax});
                row(8, "by", m.by, Text{0, 256}); row(9, "at_us", m.at, Whole{0});)
};

// ---- limiter -> dispatcher -------------------------------------------------------------------

// Make this attempt, if it can start before start_by; say how it ended.
struct Dispatch {
  Attempt attempt;
  std::string upstream;
  std::string key;
  std::uint32_t attempt_number = 0;  // 1 for the first real attempt of the message
  Request request;
  std::string idempotency_key;
  StoreTime granted_at;
  StoreTime start_by;
  StoreTime lease_end;
  std::string traceparent;
  std::uint64_t limits_version = 0;
  StoreTime deadline;  // then it has ended, whatever timeout the dispatcher has; 0: none said
  SLUICE_FIELDS(row(1, "attempt", m.attempt, One{});
                row(2, "upstream", m.upstream, Text{1, kNameMax});
                row(3, "key", m.key, Text{1, kKeyMax});
                row(4, "attempt_number", m.attempt_number, Whole{1});
                row(5, "request", m.request, One{});
                row(6, "idempotency_key", m.idempotency_key, Text{1, 256});
                row(7, "granted_at_us", m.granted_at, Whole{1});
                row(8, "start_by_us", m.start_by, Whole{1});
                row(9, "lease_end_us", m.lease_end, Whole{1});
                row(10, "traceparent", m.traceparent, Text{0, 128});
                row(11, "limits_version", m.limits_version, Whole{});
                row(12, "deadline_us", m.deadline, Whole{0});)
};

// Start nothing of this key (empty: of this upstream) before `until`; what has not started comes
// back as not started.
struct Recall {
  std::string upstream;
  std::string key;
  StoreTime until;
  SLUICE_FIELDS(row(1, "upstream", m.upstream, Text{1, kNameMax});
                row(2, "key", m.key, Text{0, kKeyMax}); row(3, "until_us", m.until, Whole{0});)
};

// What became of this attempt? An attempt that is not in the table is entered as refused and
// answered kNeverSeen.
struct Asked {
  Attempt attempt;
  std::string upstream;
  std::string key;
  StoreTime lease_end;
  SLUICE_FIELDS(row(1, "attempt", m.attempt, One{});
                row(2, "upstream", m.upstream, Text{1, kNameMax});
                row(3, "key", m.key, Text{1, kKeyMax});
                row(4, "lease_end_us", m.lease_end, Whole{1});)
};

// The store has written this attempt's outcome.
struct Completed {
  Attempt attempt;
  SLUICE_FIELDS(row(1, "attempt", m.attempt, One{});)
};

// ---- dispatcher -> limiter -------------------------------------------------------------------

struct Outcome {
  Attempt attempt;
  std::string upstream;
  std::string key;
  Ended ended = Ended::kUnknown;
  NotStarted not_started = NotStarted::kNone;
  std::uint32_t status = 0;      // HTTP status; 0: no answer
  bool told_to_wait = false;     // the answer named a time (Retry-After)
  Duration retry_after;          // from when the answer was read
  bool abnormal = false;         // the upstream spoke of abnormal usage: stop the key and page
  std::string reason;            // our words, never the upstream's text
  StoreTime started_at;          // lower bound of store time at the first byte; 0: not started
  StoreTime answered_at;         // upper bound of store time when the answer was known
  Duration latency;              // first byte out to last byte in
  std::string answer;            // the answer's body, its first bytes; never in a log or the trail
  bool quota_told = false;       // the answer said what is left (RateLimit header fields):
  std::uint32_t quota_left = 0;  // so many more requests ...
  Duration quota_reset;          // ... until so long after the answer was read
  SLUICE_FIELDS(
      row(1, "attempt", m.attempt, One{}); row(2, "upstream", m.upstream, Text{1, kNameMax});
      row(3, "key", m.key, Text{1, kKeyMax}); row(4, "ended", m.ended, OneOf{1, 6});
      row(5, "not_started", m.not_started, OneOf{1, 8}); row(6, "status", m.status, Whole{0, 999});
      row(7, "told_to_wait", m.told_to_wait, Flag{});
      row(8, "retry_after_us", m.retry_after, Whole{0}); row(9, "abnormal", m.abnormal, Flag{});
      row(10, "reason", m.reason, Text{0, 256}); row(11, "started_at_us", m.started_at, Whole{0});
      row(12, "answered_at_us", m.answered_at, Whole{0});
      row(13, "latency_us", m.latency, Whole{0}); row(14, "answer", m.answer, Bytes{0, kAnswerMax});
      row(15, "quota_told", m.quota_told, Flag{}); row(16, "quota_left", m.quota_left, Whole{0});
      row(17, "quota_reset_us", m.quota_reset, Whole{0});)
};

// To every limiter at once, before the Outcome: the upstream closed this key (empty: itself).
struct Penalty {
  std::string upstream;
  std::string key;
  bool told_to_wait = false;
  Duration retry_after;
  bool abnormal = false;
  SLUICE_FIELDS(row(1, "upstream", m.upstream, Text{1, kNameMax});
                row(2, "key", m.key, Text{0, kKeyMax});
                row(3, "told_to_wait", m.told_to_wait, Flag{});
                row(4, "retry_after_us", m.retry_after, Whole{0});
                row(5, "abnormal", m.abnormal, Flag{});)
};

// ---- ingest, limiter -> auditor --------------------------------------------------------------

enum class RecordKind : std::uint32_t {
  kAttempt = 1,     // how an attempt ended; with settlement != 0 also the message's end
  kSettlement = 2,  // an end without an attempt: expired, cancelled, dead by conflict
  kLate = 3,        // an outcome that came after the store had given the attempt up as unknown
  kHold = 4,        // penalty, pause, resume, closure
  kLimits = 5,      // an edit of the limits
  kConsume = 6,     // sends made elsewhere were charged
};

// One line of the trail before the auditor takes names out of it. No body, no upstream text.
struct Record {
  std::string record_id;  // 16 bytes, made where the fact became true; the same when sent again
  RecordKind kind = RecordKind::kAttempt;
  StoreTime at;
  std::string source;
  std::string key;
  std::string id;
  std::uint32_t generation = 0;
  std::string identity;
  std::string content_hash;
  std::string upstream;
  std::string path;  // the path's template, never its values
  std::string method;
  std::uint32_t serial = 0;
  std::uint32_t attempts = 0;  // real attempts so far, this one included
  std::uint32_t ended = 0;     // Ended; 0: no attempt
  std::uint32_t status = 0;
  StoreTime granted_at;
  StoreTime started_at;
  StoreTime completed_at;
  StoreTime could_go_at;         // when nothing but us kept it any more
  std::uint32_t settlement = 0;  // Settlement; 0: not settled
  std::string reason;
  std::uint64_t limits_version = 0;
  std::uint64_t limiter_life = 0;
  std::uint64_t dispatcher_life = 0;
  StoreTime until;  // kHold
  std::string traceparent;
  std::uint32_t units = 0;  // what it costs of each limit; 0 means 1
  // kLimits: limits_version is of these, and they hold. limits_before: the version whose place they
  // took; 0: no edit, only which hold; their own: what a closure held of them was counted again.
  std::vector<Limit> limit_rows = {};
  std::uint64_t limits_before = 0;
  SLUICE_FIELDS(
      row(1, "record_id", m.record_id, exactly(16)); row(2, "kind", m.kind, OneOf{1, 6});
      row(3, "at_us", m.at, Whole{1}); row(4, "source", m.source, Text{0, kSourceMax});
      row(5, "key", m.key, Text{0, kKeyMax}); row(6, "id", m.id, Text{0, kIdMax});
      row(7, "generation", m.generation, Whole{0, 1'000'000});
      row(8, "identity", m.identity, Bytes{0, 16});
      row(9, "content_hash", m.content_hash, Bytes{0, 32});
      row(10, "upstream", m.upstream, Text{0, kNameMax}); row(11, "path", m.path, Text{0, 8192});
      row(12, "method", m.method, Text{0, 16}); row(13, "serial", m.serial, Whole{0});
      row(14, "attempts", m.attempts, Whole{0, 1'000'000}); row(15, "ended", m.ended, Whole{0, 6});
      row(16, "status", m.status, Whole{0, 999}); row(17, "granted_at_us", m.granted_at, Whole{0});
      row(18, "started_at_us", m.started_at, Whole{0});
      row(19, "completed_at_us", m.completed_at, Whole{0});
      row(20, "could_go_at_us", m.could_go_at, Whole{0});
      row(21, "settlement", m.settlement, Whole{0, 4}); row(22, "reason", m.reason, Text{0, 256});
      row(23, "limits_version", m.limits_version, Whole{});
      row(24, "limiter_life", m.limiter_life, Whole{});
      row(25, "dispatcher_life", m.dispatcher_life, Whole{});
      row(26, "until_us", m.until, Whole{0}); row(27, "traceparent", m.traceparent, Text{0, 128});
      row(28, "units", m.units, Whole{0, 1'000'000});
      row(29, "limit_rows", m.limit_rows, Many{kLimitsMax});
      row(30, "limits_before", m.limits_before, Whole{});)
};

// One priced use of a provider. Exactly once by event_id.
struct Cost {
  std::string event_id;
  StoreTime at;
  std::string provider;
  std::string agent;
  std::string type;
  std::string model;
  std::uint64_t units = 0;
  std::int64_t amount_nano = 0;  // nano-dollars
  std::string content_hash;      // SHA-256 of the fields above: same event_id, other bytes: refused
  SLUICE_FIELDS(row(1, "event_id", m.event_id, Text{1, kIdMax}); row(2, "at_us", m.at, Whole{1});
                row(3, "provider", m.provider, Text{1, kNameMax});
                row(4, "agent", m.agent, Text{1, kNameMax});
                row(5, "type", m.type, Text{1, kNameMax}); row(6, "model", m.model, Text{0, 128});
                row(7, "units", m.units, Whole{}); row(8, "amount_nano", m.amount_nano, Whole{0});
                row(9, "content_hash", m.content_hash, exactly(32));)
};

// May I spend up to this much? Held against the budgets until Settle or `until`.
struct Reserve {
  std::string reservation_id;
  std::string provider;
  std::string agent;
  std::int64_t amount_nano = 0;
  StoreTime until;
  SLUICE_FIELDS(row(1, "reservation_id", m.reservation_id, Text{1, kIdMax});
                row(2, "provider", m.provider, Text{1, kNameMax});
                row(3, "agent", m.agent, Text{0, kNameMax});
                row(4, "amount_nano", m.amount_nano, Whole{0});
                row(5, "until_us", m.until, Whole{0});)
};

// The reservation's end: this cost took its place (empty event_id: nothing was spent).
struct Settle {
  std::string reservation_id;
  std::string event_id;
  SLUICE_FIELDS(row(1, "reservation_id", m.reservation_id, Text{1, kIdMax});
                row(2, "event_id", m.event_id, Text{0, kIdMax});)
};

// How much waits at the sender, each 10 s: what outcomes alone cannot tell.
struct Backlog {
  std::uint64_t waiting = 0;  // messages; of an ingest, so that each is counted once
  std::uint64_t dead = 0;     // dead letters that nobody has replayed or purged
  StoreTime held_since;       // since when the message that waits for us longest could go; 0: none
  SLUICE_FIELDS(row(1, "waiting", m.waiting, Whole{}); row(2, "dead", m.dead, Whole{});
                row(3, "held_since_us", m.held_since, Whole{0});)
};

// ---- auditor -> ingest, limiter --------------------------------------------------------------

enum class Written : std::uint32_t { kNow = 1, kBefore = 2, kRefused = 3 };

// Durable: the record (record_id set) or the cost (event_id and content_hash set: of two contents
// of an event id each has an answer of its own).
struct Recorded {
  std::string record_id;
  std::string event_id;
  Written written = Written::kNow;
  std::string error;
  std::string content_hash;  // the cost's, as it was sent
  SLUICE_FIELDS(row(1, "record_id", m.record_id, Bytes{0, 16});
                row(2, "event_id", m.event_id, Text{0, kIdMax});
                row(3, "written", m.written, OneOf{1, 3}); row(4, "error", m.error, Text{0, 512});
                row(5, "content_hash", m.content_hash, Bytes{0, 32});)
};

struct Reserved {
  std::string reservation_id;
  bool granted = false;
  std::string reason;
  SLUICE_FIELDS(row(1, "reservation_id", m.reservation_id, Text{1, kIdMax});
                row(2, "granted", m.granted, Flag{}); row(3, "reason", m.reason, Text{0, 256});)
};

// ---- alerter <-> auditor ---------------------------------------------------------------------

// Alerts after this cursor, please; at most `max`.
struct Follow {
  std::uint64_t after = 0;
  std::uint32_t max = 0;
  SLUICE_FIELDS(row(1, "after", m.after, Whole{}); row(2, "max", m.max, Whole{1, 10'000});)
};

enum class Severity : std::uint32_t { kInfo = 1, kWarning = 2, kCritical = 3 };

struct Alert {
  std::uint64_t cursor = 0;  // its line number in the trail: grows, never reused
  std::string alert_id;      // uuid v5 of dedup key and period
  std::string dedup_key;
  std::string period;  // "2026-11", "2026-11-21T02" ...
  Severity severity = Severity::kWarning;
  std::string kind;  // "budget", "violation", "penalty", ...
  std::string title;
  std::string text;
  StoreTime at;
  std::vector<Header> labels;
  SLUICE_FIELDS(row(1, "cursor", m.cursor, Whole{1}); row(2, "alert_id", m.alert_id, Text{36, 36});
                row(3, "dedup_key", m.dedup_key, Text{1, 512});
                row(4, "period", m.period, Text{0, 64});
                row(5, "severity", m.severity, OneOf{1, 3});
                row(6, "kind", m.kind, Text{1, kNameMax}); row(7, "title", m.title, Text{1, 256});
                row(8, "text", m.text, Text{0, 4096}); row(9, "at_us", m.at, Whole{1});
                row(10, "labels", m.labels, Many{32});)
};

// That was all up to this cursor; whether there is more.
struct Followed {
  std::uint64_t cursor = 0;
  bool more = false;
  SLUICE_FIELDS(row(1, "cursor", m.cursor, Whole{}); row(2, "more", m.more, Flag{});)
};

// ---- who has which keys ----------------------------------------------------------------------

// From a limiter that leaves, to every ingest: another one is to have its keys (key and store
// empty). It grants nothing more, and still takes the outcomes of what is under way. From an
// ingest: another limiter has this key's messages of this store from now on; what the receiver has
// under way of them it completes, and lets the rest go without a word.
struct Moved {
  std::string store;
  std::string upstream;
  std::string key;
  SLUICE_FIELDS(row(1, "store", m.store, Text{0, kNameMax});
                row(2, "upstream", m.upstream, Text{0, kNameMax});
                row(3, "key", m.key, Text{0, kKeyMax});)
};

// ---- what persons said last ------------------------------------------------------------------

// From a limiter to an ingest: the last word (words.h) about a key (empty: about the upstream), to
// be put into parking unless a later one is there.
struct Word {
  std::string upstream;
  std::string key;
  Hold hold;
  SLUICE_FIELDS(row(1, "upstream", m.upstream, Text{1, kNameMax});
                row(2, "key", m.key, Text{0, kKeyMax}); row(3, "hold", m.hold, One{});)
};

// ---- a frame ---------------------------------------------------------------------------------

// What one frame carries, in order. The place in this list is the field's number in the .proto
// file's Item: a new kind goes to the end.
using Item = std::variant<Hello, Welcome, NotMe, Heartbeat,                           // 1-4
                          Offer, Parked, Announced, Rows, Forgotten, Quote, Control,  // 5-11
                          Settled, Park, Want, Quoted, Controlled,                    // 12-16
                          Dispatch, Recall, Asked, Completed, Outcome, Penalty,       // 17-22
                          Record, Cost, Reserve, Settle, Recorded, Reserved,          // 23-28
                          Follow, Alert, Followed,                                    // 29-31
                          Backlog, Moved, Word>;                                      // 32-34

struct Frame {
  std::uint32_t version = kVersion;
  std::uint64_t from_life = 0;  // boot id of the sender
  std::uint64_t to_life = 0;    // boot id of the receiver; 0 in Hello and the answer to a stranger
  std::uint64_t sequence = 0;   // grows by frame within from_life; older ones are ignored
  std::vector<Item> items;
};

}  // namespace sluice::wire
