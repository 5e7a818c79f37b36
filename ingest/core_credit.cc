// Ingest's core: copies of a queue that are offered on a limiter's credit. Each waits in the line
// of the limiter whose its key is, so that one without credit holds up no other.
#include <algorithm>
#include <functional>
#include <utility>

#include "ingest/core.h"
#include "lib/base/mark.h"

namespace sluice::ingest {

std::size_t IngestCore::queue_room() const {
  std::size_t waiting = unoffered_.size();
  for (const auto& [peer, to] : limiters_) waiting += to.line.size();
  return waiting >= config_.line_max ? 0 : std::min(room(), config_.line_max - waiting);
}

// To the ends of their lines; while no limiter is there, they wait for one.
void IngestCore::offer_copies(const Turn& turn) {
  std::deque<std::string> ownerless;
  for (std::string& identity : std::exchange(unoffered_, {})) {
    const auto held = copies_.find(identity);
    if (held == copies_.end() || held->second.at != At::kHere) continue;
    Limiter* to = owner(held->second.message.key);
    if (to == nullptr) {
      ownerless.push_back(std::move(identity));
      continue;
    }
    to->line.push_back(std::move(identity));
    offer_line(*to, turn);
    if (held->second.at == At::kHere) await_credit(held->second, turn);
  }
  unoffered_ = std::move(ownerless);
}

void IngestCore::offer_line(Limiter& to, const Turn& turn) {
  while (!to.line.empty()) {
    const auto held = copies_.find(to.line.front());
    if (held != copies_.end() && held->second.at == At::kHere) {
      if (to.offers_max && to.copies >= *to.offers_max) return;
      offer_copy(held->second, to, turn);
    }
    to.line.pop_front();
  }
}

void IngestCore::offer_copy(Copy& copy, Limiter& to, const Turn& turn) {
  copy.at = At::kOffered;
  copy.park_at = Instant::never();
  copy.peer = to.up.peer;
  ++to.copies;
  send_offer(to, copy.message, turn);
  copy.message.offered_before = true;
}

// Its place is the next one's.
void IngestCore::leave_limiter(Copy& copy, const Turn& turn) {
  if (copy.at != At::kOffered) return;
  Limiter* from = limiter(copy.peer);
  if (from == nullptr) return;
  from->belief.lets_go(copy.message.identity);
  if (from->copies > 0) --from->copies;
  offer_line(*from, turn);
}

// Credit is shared by all keys, and those of others may sit in it for as long as hold_horizon: what
// finds none soon becomes a row, which needs none (P6).
void IngestCore::await_credit(Copy& copy, const Turn& turn) {
  MARK("ingest: the limiter takes no more queue copies");
  if (copy.park_at != Instant::never()) return;
  copy.park_at = turn.now + config_.credit_wait;
  at(copy.park_at, Due::kCredit, 0, copy.message.identity);
}

void IngestCore::no_credit(const std::string& identity, const Turn& turn) {
  const auto held = copies_.find(identity);
  if (held == copies_.end() || held->second.at != At::kHere) return;
  if (held->second.park_at > turn.now) return;
  MARK("ingest: a queue copy that found no credit becomes a row");
  put_copy(held->second, StoreTime{}, turn);
}

// Copies whose limiter is gone, or is no longer the one of their key, are to be offered anew. After
// a difference in a heartbeat that is all of them.
void IngestCore::take_back_copies() {
  for (auto& [peer, to] : limiters_) {
    to.copies = 0;
    to.line.clear();
  }
  unoffered_.clear();
  for (auto& [identity, copy] : copies_) {
    if (copy.at == At::kOffered) copy.at = At::kHere;
    if (copy.at == At::kHere) unoffered_.push_back(identity);
  }
  std::sort(unoffered_.begin(), unoffered_.end(),
            [this](const std::string& a, const std::string& b) { return sooner(a, b); });
}

bool IngestCore::sooner(const std::string& a, const std::string& b) const {
  const auto order = [this](const std::string& identity) {
    return copies_.at(identity).message.order;
  };
  return std::pair(order(a), std::cref(a).get()) < std::pair(order(b), std::cref(b).get());
}

}  // namespace sluice::ingest
