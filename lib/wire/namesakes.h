// Processes of one role that have the same `instance`. Two that live are two that are taken for
// one: an ingest's parking for another's, a limiter's keys for another's. For a moment it is a
// restart whose former connection is not known to be dead yet. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/wire/peer.h"

namespace sluice::wire {

inline const char* role_name(Role role) {
  constexpr const char* kWords[] = {"", "ingest", "limiter", "dispatcher", "auditor", "alerter"};
  return kWords[static_cast<std::size_t>(role)];
}

class Namesakes {
 public:
  // Looked at now and then, longer apart than a dead peer is believed to live (5 s): who has had a
  // living namesake for two looks, once.
  std::vector<std::string> look(const std::vector<PeerUp>& up) {
    std::map<std::string, std::set<std::uint64_t>> lives;
    for (const PeerUp& one : up) {
      lives[role_name(one.role) + (" " + one.instance)].insert(one.life);
    }
    std::erase_if(lives, [](const auto& entry) { return entry.second.size() < 2; });
    std::vector<std::string> news;
    for (const auto& [name, of] : lives) {
      const auto before = seen_.find(name);
      if (before != seen_.end() && before->second == of && said_.insert(name).second) {
        news.push_back(name);
      }
    }
    std::erase_if(said_, [&](const std::string& name) { return !lives.contains(name); });
    seen_ = std::move(lives);
    return news;
  }

 private:
  std::map<std::string, std::set<std::uint64_t>> seen_;
  std::set<std::string> said_;
};

}  // namespace sluice::wire
