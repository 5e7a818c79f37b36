// How a core sees the other processes. The links (links.h) turn connections, hellos, heartbeats and
// frames into these; a PeerId names one life of one peer on one connection and is never used again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/store_clock.h"
#include "lib/wire/messages.h"

namespace sluice::wire {

struct PeerId {
  std::uint64_t n = 0;
  friend auto operator<=>(PeerId, PeerId) = default;
};

// A peer was welcomed: a new life, or the same life on a new connection.
struct PeerUp {
  PeerId peer;
  Role role = Role::kIngest;
  std::string instance;
  std::uint64_t life = 0;
};

// Whatever was sent to it and not answered may have arrived or not.
struct PeerDown {
  PeerId peer;
};

// From a heartbeat.
struct PeerFacts {
  PeerId peer;
  std::vector<Credit> credits;
  std::uint64_t held_count = 0;
  std::uint64_t held_hash = 0;
  std::optional<RoundTrip> round_trip;  // when the peer knows store time and echoed our stamp
};

struct FromPeer {
  PeerId peer;
  Item item;
};

// An effect of every core. To a peer that is gone by then, it is dropped.
struct Send {
  PeerId peer;
  Item item;
};

// An effect: say a heartbeat to this peer with this turn, not when it is due, because what it takes
// (its credits) has changed. Optional: a core without it has the change said within a second.
struct Announce {
  PeerId peer;
};

// What a core wants said in its next heartbeat to a peer.
struct HeartbeatFacts {
  std::vector<Credit> credits;
  std::uint64_t held_count = 0;
  std::uint64_t held_hash = 0;
  std::optional<StoreBounds> store;
};

}  // namespace sluice::wire

namespace std {
template <>
struct hash<sluice::wire::PeerId> {
  size_t operator()(sluice::wire::PeerId id) const noexcept { return static_cast<size_t>(id.n); }
};
}  // namespace std
