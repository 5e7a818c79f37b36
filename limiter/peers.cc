#include "limiter/peers.h"

#include "lib/base/check.h"
#include "lib/wire/identity.h"

namespace sluice::limiter {

void Held::add(std::string_view identity) {
  ++count;
  hash ^= wire::short_hash(identity);
}

void Held::remove(std::string_view identity) {
  CHECK(count > 0);
  --count;
  hash ^= wire::short_hash(identity);
}

void Peers::up(const wire::PeerUp& up) {
  switch (up.role) {
    case wire::Role::kIngest:
      ingests_[up.peer].up = up;
      break;
    case wire::Role::kDispatcher:
      dispatchers_[up.peer].up = up;
      break;
    case wire::Role::kAuditor:
      auditors_[up.peer] = up;
      break;
    case wire::Role::kLimiter:
    case wire::Role::kAlerter:
      break;
  }
}

std::optional<wire::PeerUp> Peers::down(wire::PeerId peer) {
  const wire::PeerUp* known = find(peer);
  if (known == nullptr) return std::nullopt;
  const wire::PeerUp was = *known;
  ingests_.erase(peer);
  dispatchers_.erase(peer);
  auditors_.erase(peer);
  if (was.role == wire::Role::kDispatcher) sweep(was.life);
  return was;
}

std::vector<wire::PeerUp> Peers::connected() const {
  std::vector<wire::PeerUp> all;
  for (const auto& [peer, ingest] : ingests_) all.push_back(ingest.up);
  for (const auto& [peer, dispatcher] : dispatchers_) all.push_back(dispatcher.up);
  for (const auto& [peer, auditor] : auditors_) all.push_back(auditor);
  return all;
}

const wire::PeerUp* Peers::find(wire::PeerId peer) const {
  if (const auto at = ingests_.find(peer); at != ingests_.end()) return &at->second.up;
  if (const auto at = dispatchers_.find(peer); at != dispatchers_.end()) return &at->second.up;
  if (const auto at = auditors_.find(peer); at != auditors_.end()) return &at->second;
  return nullptr;
}

IngestPeer* Peers::ingest(wire::PeerId peer) {
  const auto at = ingests_.find(peer);
  return at == ingests_.end() ? nullptr : &at->second;
}

const IngestPeer* Peers::ingest(wire::PeerId peer) const {
  const auto at = ingests_.find(peer);
  return at == ingests_.end() ? nullptr : &at->second;
}

DispatcherPeer* Peers::dispatcher(wire::PeerId peer) {
  const auto at = dispatchers_.find(peer);
  return at == dispatchers_.end() ? nullptr : &at->second;
}

std::optional<wire::PeerId> Peers::dispatcher_of(std::uint64_t life) const {
  for (const auto& [peer, dispatcher] : dispatchers_) {
    if (dispatcher.up.life == life) return peer;
  }
  return std::nullopt;
}

std::optional<wire::PeerId> Peers::auditor() const {
  if (auditors_.empty()) return std::nullopt;
  return auditors_.begin()->first;
}

std::optional<wire::PeerId> Peers::ingest_of(std::string_view store, wire::PeerId not_this) const {
  std::optional<wire::PeerId> found;
  for (const auto& [peer, ingest] : ingests_) {
    if (!ingest.stores.contains(store)) continue;
    if (peer != not_this) return peer;
    found = peer;
  }
  return found;
}

void Peers::reserve(std::uint64_t life, const std::string& upstream) {
  ++lives_[life].in_use[upstream];
}

void Peers::release(std::uint64_t life, const std::string& upstream) {
  const auto at = lives_.find(life);
  CHECK(at != lives_.end());
  const auto used = at->second.in_use.find(upstream);
  CHECK(used != at->second.in_use.end() && used->second > 0);
  if (--used->second == 0) at->second.in_use.erase(used);
  sweep(life);
}

void Peers::sweep(std::uint64_t life) {
  const auto at = lives_.find(life);
  if (at == lives_.end() || !at->second.in_use.empty()) return;
  if (at->second.dispatched.count == 0 && !dispatcher_of(life)) lives_.erase(at);
}

std::uint32_t Peers::in_use(std::uint64_t life, const std::string& upstream) const {
  const auto at = lives_.find(life);
  if (at == lives_.end()) return 0;
  const auto used = at->second.in_use.find(upstream);
  return used == at->second.in_use.end() ? 0 : used->second;
}

Peers::Room Peers::room(const std::string& upstream) const {
  Room best{0, wire::Wait::kNoDispatcher};
  std::uint32_t most = 0;
  for (const auto& [peer, dispatcher] : dispatchers_) {
    const auto credit = dispatcher.credits.find(upstream);
    if (credit == dispatcher.credits.end()) continue;
    const std::uint32_t used = in_use(dispatcher.up.life, upstream);
    const std::uint32_t window = credit->second.window;
    if (window > used && window - used > most) {
      most = window - used;
      best = Room{dispatcher.up.life, wire::Wait::kNone};
    } else if (most == 0) {
      best.why = credit->second.why == wire::Wait::kBreaker ? wire::Wait::kBreaker
                                                            : wire::Wait::kUpstreamFull;
    }
  }
  return best;
}

}  // namespace sluice::limiter
