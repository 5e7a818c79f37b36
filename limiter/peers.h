// Who is connected, and what they take: ingests with the stores that they serve, dispatchers with
// their credit, auditors. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/wire/peer.h"
#include "limiter/holds.h"

namespace sluice::limiter {

// Count and XOR of short hashes, for reconciliation.
struct Held {
  std::uint64_t count = 0;
  std::uint64_t hash = 0;
  void add(std::string_view identity);
  void remove(std::string_view identity);
  friend bool operator==(const Held&, const Held&) = default;
};

struct IngestPeer {
  wire::PeerUp up;
  std::set<std::string, std::less<>> stores;  // those it has named
  Held held;                                  // of its messages, here
  std::size_t wants_open = 0;                 // said to it, not answered
};

struct DispatcherPeer {
  wire::PeerUp up;
  std::map<std::string, wire::Credit, std::less<>> credits;  // by upstream
  int differences = 0;                                       // heartbeats in a row
};

class Peers {
 public:
  void up(const wire::PeerUp& up);
  // What it was, if it was known.
  std::optional<wire::PeerUp> down(wire::PeerId peer);

  [[nodiscard]] const wire::PeerUp* find(wire::PeerId peer) const;
  [[nodiscard]] std::vector<wire::PeerUp> connected() const;
  IngestPeer* ingest(wire::PeerId peer);
  [[nodiscard]] const IngestPeer* ingest(wire::PeerId peer) const;
  std::map<wire::PeerId, IngestPeer>& ingests() { return ingests_; }
  DispatcherPeer* dispatcher(wire::PeerId peer);
  [[nodiscard]] const std::map<wire::PeerId, DispatcherPeer>& dispatchers() const {
    return dispatchers_;
  }
  [[nodiscard]] const std::map<wire::PeerId, IngestPeer>& ingests() const { return ingests_; }
  [[nodiscard]] std::optional<wire::PeerId> dispatcher_of(std::uint64_t life) const;
  [[nodiscard]] const std::map<wire::PeerId, wire::PeerUp>& auditors() const { return auditors_; }
  [[nodiscard]] std::optional<wire::PeerId> auditor() const;

  // An ingest that serves this parking store; another one than `not_this` if there is one.
  [[nodiscard]] std::optional<wire::PeerId> ingest_of(std::string_view store,
                                                      wire::PeerId not_this = {}) const;

  // ---- room at dispatchers, by life: attempts that they were given, or that a Grant asks for
  void reserve(std::uint64_t life, const std::string& upstream);
  void release(std::uint64_t life, const std::string& upstream);
  // The dispatcher life with most room for this upstream, or why there is none.
  struct Room {
    std::uint64_t life = 0;
    wire::Wait why = wire::Wait::kNone;
  };
  [[nodiscard]] Room room(const std::string& upstream) const;
  // What a dispatcher's life has in its table, as far as we know.
  Held& dispatched(std::uint64_t life) { return lives_[life].dispatched; }
  // Forgets lives that are gone and have nothing open.
  void sweep(std::uint64_t life);

 private:
  struct Life {
    std::map<std::string, std::uint32_t, std::less<>> in_use;
    Held dispatched;
  };
  [[nodiscard]] std::uint32_t in_use(std::uint64_t life, const std::string& upstream) const;

  std::map<wire::PeerId, IngestPeer> ingests_;
  std::map<wire::PeerId, DispatcherPeer> dispatchers_;
  std::map<wire::PeerId, wire::PeerUp> auditors_;
  std::map<std::uint64_t, Life> lives_;
};

}  // namespace sluice::limiter
