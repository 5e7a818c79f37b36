// What producers ask, and what they are answered, as values. HTTP is http_door.h's affair.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ingest/lists.h"
#include "ingest/parking.h"
#include "ingest/scope.h"
#include "lib/base/upstream.h"
#include "lib/wire/messages.h"

namespace sluice::ingest {

// How long the message may wait (RFC 7240 `Prefer`): as long as max_wait says, however long
// (`respond-async`), or at most so long (`wait=N`; 0: not at all).
struct Preference {
  enum class Kind : std::uint8_t { kDefault, kAsync, kWithin } kind = Kind::kDefault;
  Duration within;
  friend bool operator==(const Preference&, const Preference&) = default;
};

// A valid message. The core fills in identity, store, order, first_seen and, where it is 0,
// expires_at.
struct Submit {
  std::uint64_t request_id = 0;
  wire::Offer message;
  Preference preference;
  StoreTime at;  // the wall clock of reception
  std::string document =
      {};  // that it was read from, where it goes into a queue (Config::door_queue)
};

struct Lookup {
  std::uint64_t request_id = 0;
  std::string id;
  Scope scope = {};
};

struct Cancel {
  std::uint64_t request_id = 0;
  std::string id;
  Scope scope = {};
};

struct ListMessages {
  std::uint64_t request_id = 0;
  ListAsk ask;
};

// The key's rows, holds and limits; an empty key: of the upstream as a whole.
struct LookKey {
  std::uint64_t request_id = 0;
  std::string upstream;
  std::string key;
};

struct ListKeyPage {
  std::uint64_t request_id = 0;
  std::string after;
  std::uint32_t limit = 0;
  Scope scope;
};

// A person's word about a key (empty: the upstream as a whole): kPause, kResume, kConsume.
struct ControlKey {
  std::uint64_t request_id = 0;
  wire::Verb verb = wire::Verb::kPause;
  std::string upstream;
  std::string key;
  std::string by;
  StoreTime until;           // kPause; 0: until resumed
  std::uint32_t amount = 0;  // kConsume
};

// An upstream's limits as the store has them; with rows: these from now on, if `version` is the one
// that holds, or 0.
struct AskLimits {
  std::uint64_t request_id = 0;
  std::string upstream;
  std::vector<wire::Limit> rows = {};
  std::uint64_t version = 0;
  std::string by = {};
};

struct SubmitCost {
  std::uint64_t request_id = 0;
  wire::Cost cost;
};

// What the limiter said of time, when it did in time.
using Forecast = std::optional<wire::Quoted>;

struct Accepted {
  Name name;
  Forecast forecast;
  bool repeat = false;  // it was accepted before
};
// It would wait longer than it may; nothing was kept. After retry_after the same would be taken.
struct TooMany {
  Duration retry_after;
  wire::Quoted forecast;
};
// It costs more than the upstream's limits ever let go at once.
struct TooCostly {
  std::uint32_t cost_max = 0;
  std::string limit;
};
// The id is taken by a message with another key or other bytes.
struct Conflict {
  bool key = false;  // it is the key that differs
};
// No row of the parking store can hold it.
struct TooLarge {};
struct NotFound {};
struct Found {
  Name name;
  std::optional<std::uint64_t> ahead;  // as in LookupAnswer
  Forecast forecast;
};
// Marked, or over before the mark came: name.state tells.
struct CancelTaken {
  Name name;
};
// This ingest never answers that.
struct NotOffered {
  std::string what;
};
// The world failed: the same request may be sent again, with the same effect.
struct Unavailable {
  std::string what;
  Duration retry_after;
};
// What a call that did not succeed is answered.
Unavailable unavailable(const ParkingAnswer& answer);
struct CostBooked {
  bool before = false;  // this event_id was booked before
};
struct CostRefused {
  std::string why;
};

// A page of a list; forecasts are in the order of its messages, as far as they were asked for.
struct Listed {
  ListPage page;
  std::vector<Forecast> forecasts;
};
// Holds whose time is over are none.
void drop_ended_holds(KeyFacts& key, StoreTime now);
// Those that need not be in parking any more: a person's word that is over is kept for a while.
void drop_forgotten_holds(KeyFacts& key, StoreTime now);
struct KeyFound {
  KeyFacts key;  // with the holds that last
  Forecast forecast;
};
struct KeysListed {
  std::vector<KeyFacts> keys;
  std::string next;  // empty: that was all
};
// Written down; `heard` by the limiters that are connected, too.
struct ControlTaken {
  KeyFacts key;
  bool heard = false;
  std::uint32_t amount = 0;  // kConsume
};

// The limits that hold.
struct LimitsFound {
  std::string upstream;
  std::uint64_t version = 0;
  std::vector<wire::Limit> rows;
  std::string by;
  StoreTime at;  // 0: as long as the store knows
};
// Another edit came first; nothing was changed.
struct LimitsStale {
  std::uint64_t version = 0;
};
// They cannot be; nothing was changed.
struct LimitsWrong {
  std::string field;
  std::string why;
};

using FrontAnswer =
    std::variant<Accepted, TooMany, Conflict, NotFound, Found, CancelTaken, Unavailable, CostBooked,
                 CostRefused, Listed, KeyFound, KeysListed, ControlTaken, TooCostly, LimitsFound,
                 LimitsStale, LimitsWrong, TooLarge, NotOffered>;

struct Respond {
  std::uint64_t request_id = 0;
  FrontAnswer answer;
};

}  // namespace sluice::ingest
