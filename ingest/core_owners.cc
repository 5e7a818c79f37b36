// Ingest's core: limiters come and go, and with them whose keys are whose (rendezvous.h). Whoever
// is new to a key is told of its rows and offered its copies; whoever had it, and lives, is told
// that it moved. Wrong for a moment, or seen otherwise by another ingest, nothing is lost or sent
// too soon by it: the store decides.
#include <set>
#include <utility>

#include "ingest/core.h"
#include "ingest/rendezvous.h"
#include "lib/base/mark.h"

namespace sluice::ingest {

// A key's name begins with its upstream's: "<upstream>:<field>".
std::string_view upstream_of(std::string_view key) { return key.substr(0, key.find(':')); }

IngestCore::Limiter* IngestCore::limiter(wire::PeerId peer) {
  const auto found = limiters_.find(peer);
  return found == limiters_.end() ? nullptr : &found->second;
}

// Null: none is connected, or all that are leave.
IngestCore::Limiter* IngestCore::owner(const std::string& key) {
  Limiter* best = nullptr;
  std::uint64_t best_score = 0;
  for (auto& [peer, candidate] : limiters_) {
    if (candidate.leaves) continue;
    const std::uint64_t score = rendezvous_score(candidate.up.instance, key);
    // A second connection of the same instance replaces the first: the later one wins.
    if (best == nullptr || score >= best_score) {
      best = &candidate;
      best_score = score;
    }
  }
  return best;
}

std::vector<wire::PeerUp> IngestCore::connected() const {
  std::vector<wire::PeerUp> all;
  for (const auto& [peer, limiter] : limiters_) all.push_back(limiter.up);
  for (const auto& [peer, auditor] : auditors_) all.push_back(auditor);
  return all;
}

void IngestCore::limiter_up(const wire::PeerUp& up, const Turn& turn) {
  Limiter& to = limiters_[up.peer];
  to.up = up;
  announce_all(to, turn);
  move_keys(turn);
  if (!sweeping_) {
    sweeping_ = true;
    at(turn.now + seconds(1), Due::kSweep, 0);  // by then its heartbeat has told store time
  }
  if (!std::exchange(forgetting_, true)) at(turn.now + config_.sweep_every, Due::kForget, 0);
}

void IngestCore::limiter_down(wire::PeerId peer, const Turn& turn) {
  const bool left = limiters_.extract(peer).mapped().leaves;
  std::vector<std::uint64_t> unheard;
  for (const auto& [control_id, told] : told_) {
    if (told.peer == peer) unheard.push_back(control_id);
  }
  for (const auto& [control_id, asked] : limits_asked_) {
    if (asked.told.peer == peer) unheard.push_back(control_id);
  }
  for (const std::uint64_t id : unheard) control_unheard(id, "the limiter has gone", turn);
  if (limiters_.empty()) clock_.forget();
  if (!left) inherit(turn);
}

// It has said so itself: its heirs need not wait until it is gone.
void IngestCore::leaves(wire::PeerId peer, const Turn& turn) {
  Limiter* from = limiter(peer);
  if (from == nullptr || std::exchange(from->leaves, true)) return;
  MARK("ingest: a limiter leaves");
  from->belief.forget_all();
  from->again.clear();
  inherit(turn);
}

// Somebody's keys have other owners now, who have not been told of them.
void IngestCore::inherit(const Turn& turn) {
  move_keys(turn);
  for (auto& [peer, to] : limiters_) {
    if (!to.leaves) announce_all(to, turn);
  }
}

// What a limiter is believed to have of keys that are another one's is withdrawn; copies are
// offered to whose they are. Who has one already takes it for said again.
void IngestCore::move_keys(const Turn& turn) {
  for (auto& [peer, from] : limiters_) {
    std::set<std::string> moved;
    for (const auto& [identity, key] : from.belief.keys()) {
      if (owner(key) != &from) moved.insert(key);
    }
    for (const auto& [key, rows] : from.again) {
      if (owner(key) != &from) moved.insert(key);
    }
    from.belief.let_go_of(moved);
    for (const std::string& key : moved) withdraw(from, key, turn);
  }
  take_back_copies();
  offer_copies(turn);
}

void IngestCore::withdraw(Limiter& from, const std::string& key, const Turn& turn) {
  MARK("ingest: a key moves from one limiter to another");
  from.again.erase(key);
  wire::Moved moved{config_.store, std::string(upstream_of(key)), key};
  turn.out.push(wire::Send{from.up.peer, std::move(moved)});
}

}  // namespace sluice::ingest
