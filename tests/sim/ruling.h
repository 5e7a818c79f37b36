// Which limits rule, worked out from what was said to the store and in which order (design 4.1,
// docs/decisions/0026): an oracle of its own, of each server that serves or has served.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/upstream.h"
#include "limiter/store.h"

namespace sluice::sim {

class Ruling {
 public:
  // Of one upstream.
  struct Limits {
    std::uint64_t version = 0;       // 0: nobody has said any yet
    std::uint64_t file_version = 0;  // of those that settings said last
    std::shared_ptr<const std::vector<Limit>> limits;
  };
  enum class Fate : std::uint8_t { kTaken, kThere, kStale };

  // What follows is said to this server.
  void serves(int server) { server_ = server; }
  // From now on `to` knows what `from` knew when this was said; this one knows nothing.
  void copied(int from, int to) { servers_[to] = servers_[from]; }
  void wiped(int server) { servers_.erase(server); }

  Fate settings_say(const Upstream& upstream);
  // What a person says, and nothing else: its `limits` are not empty.
  Fate person_says(const limiter::SetLimits& edit);
  // What a limiter remembers: the store says whether that is the latest that it knows.
  Fate remembered(const limiter::SetLimits& edit, const limiter::LimitsReply& reply);
  [[nodiscard]] const Limits& of(const std::string& upstream) {
    return servers_[server_][upstream];
  }

 private:
  Fate take(Limits& before, std::uint64_t version, const std::vector<Limit>& limits);

  int server_ = 0;
  std::map<int, std::map<std::string, Limits>> servers_;
};

}  // namespace sluice::sim
