// One message, as the limiter has it in memory between its offer and its settlement. A cache: row
// or queue copy, and the store, know everything that must not be lost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/wire/peer.h"
#include "limiter/letter.h"
#include "limiter/store.h"

namespace sluice::limiter {

struct Key;

// Where a message is here. README.md has the table of what moves it on.
enum class State : std::uint8_t {
  kWaiting,     // in its key's line
  kQueued,      // to be asked for out of turn: cancelled, expired, or its lease has ended
  kAsked,       // in a Grant call that was not answered yet
  kUnderway,    // an attempt is under way: ours, or one that we inherited
  kCompleting,  // its outcome is here and is being written
  kEnding,      // settled; its lines are on their way to the trail
};

// An open attempt.
struct Flight {
  std::uint32_t serial = 0;
  std::uint64_t dispatcher_life = 0;
  StoreTime granted_at;
  StoreTime start_by;
  StoreTime lease_end;
  bool ours = false;        // granted to this life
  bool dispatched = false;  // and handed to its dispatcher
};

// Who gets Settled or Park for it.
struct Holder {
  wire::PeerId peer;
  wire::Origin origin = wire::Origin::kRow;
};

// What was offered, as far as it decides; the rest is in the letter.
struct Offered {
  Offered() = default;
  explicit Offered(const wire::Offer& offer)
      : identity(offer.identity),
        letter(offer),
        order(offer.order),
        first_seen(offer.first_seen),
        not_before(offer.not_before),
        expires_at(offer.expires_at),
        generation(offer.generation),
        weight(offer.weight),
        cost(offer.cost),
        attempts(offer.attempts),
        throttles(offer.throttles),
        origin(offer.origin),
        offered_before(offer.offered_before),
        cancelled(offer.cancelled),
        in_order(offer.in_order),
        stops_dead(offer.stops_dead),
        keep_answer(!offer.reply_to.empty()) {}

  std::string identity;
  Letter letter;
  std::int64_t order = 0;
  StoreTime first_seen;
  StoreTime not_before;
  StoreTime expires_at;
  std::uint32_t generation = 0;
  std::uint32_t weight = 0;
  std::uint32_t cost = 0;
  std::uint32_t attempts = 0;
  std::uint32_t throttles = 0;
  wire::Origin origin = wire::Origin::kRow;
  bool offered_before = false;
  bool cancelled = false;
  bool in_order = false;    // of its key those that say so go one after the other's end
  bool stops_dead = false;  // its key is stopped when it ends dead
  bool keep_answer = false;
};

struct Message {
  std::uint64_t number = 0;  // in the order of arrival
  Offered offer;
  Key* key = nullptr;
  State state = State::kWaiting;
  std::int64_t order = 0;              // its place in the line
  StoreTime ready_at;                  // not asked for before; 0: at once
  Instant look_at = Instant::never();  // what became of its attempt is asked then
  std::vector<Holder> holders;
  bool withdrawn = false;              // its key has moved: it does not come back into the line
  bool rowless = false;                // its ingest said Forgotten: it counts no row of it any more
  std::uint32_t attempts = 0;          // real ones so far, as the store said last
  std::uint32_t last_serial = 0;       // the last attempt that left from here: none leaves twice
  std::uint32_t completed_serial = 0;  // the last whose outcome the store has, from anybody
  std::uint64_t reserved_at = 0;       // dispatcher life on which room is kept for it; 0: none
  std::unique_ptr<Flight> flight;
  std::unique_ptr<End> end;  // kEnding
};

inline std::string_view name_of(const Message& message) { return message.offer.identity; }

// In units of each limit.
inline std::uint32_t cost_of(const Message& message) {
  return message.offer.cost == 0 ? 1 : message.offer.cost;
}

}  // namespace sluice::limiter
