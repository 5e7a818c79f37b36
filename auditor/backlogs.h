// How much waits, as its holders said last: what outcomes alone cannot tell. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>

#include "lib/base/instant.h"
#include "lib/wire/messages.h"
#include "lib/wire/peer.h"

namespace sluice::auditor {

class Backlogs {
 public:
  static constexpr std::size_t kPeersMax = 1'000;

  void hear(wire::PeerId from, const wire::Backlog& said) {
    if (said_.contains(from.n) || said_.size() < kPeersMax) said_[from.n] = said;
  }
  // Its next life says it again.
  void forget(wire::PeerId peer) { said_.erase(peer.n); }

  [[nodiscard]] std::uint64_t waiting() const {
    std::uint64_t sum = 0;
    for (const auto& [peer, said] : said_) sum += said.waiting;
    return sum;
  }
  [[nodiscard]] std::uint64_t dead() const {
    std::uint64_t sum = 0;
    for (const auto& [peer, said] : said_) sum += said.dead;
    return sum;
  }
  // Since when the one could go that waits for us longest; 0: none does.
  [[nodiscard]] StoreTime held_since() const {
    StoreTime since;
    for (const auto& [peer, said] : said_) {
      if (said.held_since.us == 0) continue;
      since = since.us == 0 ? said.held_since : std::min(since, said.held_since);
    }
    return since;
  }

 private:
  std::map<std::uint64_t, wire::Backlog> said_;  // by peer
};

}  // namespace sluice::auditor
