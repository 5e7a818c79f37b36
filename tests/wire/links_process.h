// What the tests of links are made of: numbered items, and a process that checks at every moment
// what its links tell it.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/prng.h"
#include "lib/wire/links.h"

namespace sluice::wire {

inline std::string bytes_of(std::uint64_t n, std::size_t size) {
  std::string text = std::to_string(n);
  return std::string(size - text.size(), '0') + text;
}

// What an item of these tests says: which life of the sender, its name for the receiver, how many
// it had said to it before.
inline Item numbered(Role sender, std::uint64_t life, PeerId peer, std::uint64_t n) {
  const std::string name = "up-" + std::to_string(life) + "-" + std::to_string(peer.n);
  if (sender == Role::kIngest) return Forgotten{bytes_of(n, 16), name};
  Settled settled;
  settled.identity = bytes_of(n, 16);
  settled.key = "k";
  settled.upstream = name;
  return settled;
}
inline Forgotten read_numbered(const Item& item) {
  if (const auto* forgotten = std::get_if<Forgotten>(&item)) return *forgotten;
  const auto& settled = std::get<Settled>(item);
  return {settled.identity, settled.upstream};
}

// One process: its Links, what its core saw, and rules that hold at every moment.
struct Process {
  struct Seen {
    PeerUp who;
    std::uint64_t said = 0;
    std::uint64_t heard = 0;
    std::string other;  // the sender's name for this connection
    std::uint64_t facts = 0;
    std::uint64_t round_trips = 0;
  };
  LinksConfig config;
  Prng chance;
  Links links;
  std::map<PeerId, Seen> up;
  std::set<PeerId> ever_up;
  std::optional<ConnId> conn;
  HeartbeatFacts facts;

  Process(Role role, std::uint64_t life, std::vector<Role> takes, std::uint64_t seed)
      : config{.role = role, .instance = "one", .life = life, .takes = std::move(takes)},
        chance(seed),
        links(
            config, [this](PeerId, Instant) { return facts; }, Prng(seed)) {
    facts.store = StoreBounds{{1'000'000}, {2'000'000}};
  }

  void see(const PeerUp& who) {
    ASSERT_TRUE(ever_up.insert(who.peer).second) << "up twice";
    up[who.peer].who = who;
  }
  void see(const PeerDown& who) { ASSERT_EQ(up.erase(who.peer), 1u) << "down without up"; }
  void see(const PeerFacts& facts_heard) {
    ASSERT_TRUE(up.contains(facts_heard.peer));
    ++up[facts_heard.peer].facts;
    if (!facts_heard.round_trip) return;
    ++up[facts_heard.peer].round_trips;
    EXPECT_LE(facts_heard.round_trip->sent, facts_heard.round_trip->received);
  }
  // Of each connection exactly a prefix of what was said arrives, and of one connection only.
  void see(const FromPeer& from) {
    ASSERT_TRUE(up.contains(from.peer)) << "an item of a peer that is not up";
    Seen& seen = up[from.peer];
    const Forgotten item = read_numbered(from.item);
    if (seen.heard == 0) seen.other = item.upstream;
    ASSERT_EQ(item.upstream, seen.other) << "two connections in one";
    ASSERT_EQ(item.identity, bytes_of(seen.heard, 16)) << "lost, doubled or out of order";
    ASSERT_TRUE(item.upstream.starts_with("up-" + std::to_string(seen.who.life) + "-"));
    ++seen.heard;
  }
  void say(Instant) {
    for (auto& [peer, seen] : up) {
      const std::uint64_t many = chance.below(4);
      for (std::uint64_t i = 0; i < many; ++i) {
        links.send(peer, numbered(config.role, config.life, peer, seen.said++));
      }
    }
  }
};

}  // namespace sluice::wire
