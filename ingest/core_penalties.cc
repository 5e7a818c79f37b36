// Ingest's core: penalties that a limiter has told (Recall). They are in the key's item in parking
// beside what persons want of it, so that they come back with Parked when store and limiters have
// forgotten them. One change of an item at a time: a penalty waits for a person's.
#include <algorithm>
#include <utility>

#include "ingest/core.h"

namespace sluice::ingest {

namespace {

constexpr Duration kAgain = seconds(1);

}  // namespace

void IngestCore::penalised(const wire::Recall& told, const Turn& turn) {
  const std::string& item = told.key.empty() ? told.upstream : told.key;
  if (told.until <= wall(turn.now)) return;
  StoreTime& until = penalties_[item].until;
  if (until >= told.until) return;
  const bool waits = until.us != 0;
  until = told.until;
  penalties_[item].upstream = told.upstream;
  if (!waits) write_penalty(item, turn);
}

// Parking that is away is asked again: until then the limiters that live keep the key closed.
void IngestCore::write_penalty(const std::string& item, const Turn& turn) {
  if (!controlled_items_.insert(item).second) {
    return at(turn.now + kAgain, Due::kPenalty, 0, item);
  }
  park(LookupId{config_.source, {}, item}, ForPenalty{item}, turn);
}

void IngestCore::penalty_parked(const std::string& item, const ParkingAnswer& answer,
                                const Turn& turn) {
  const auto found = std::get_if<LookupAnswer>(&answer);
  Penalised& penalty = penalties_.at(item);
  if (found == nullptr) {
    controlled_items_.erase(item);
    if (!std::holds_alternative<Acknowledged>(answer) || penalty.until > penalty.written) {
      return at(turn.now + kAgain, Due::kPenalty, 0, item);
    }
    const KeyFacts known = std::move(penalties_.extract(item).mapped().key);
    for (auto& [peer, to] : limiters_) announce_holds(to, known, turn);
    return announce_key(known, turn);
  }
  const auto same = [&](const wire::Hold& hold) {
    return hold.kind == wire::HoldKind::kPenalty && hold.until >= penalty.until;
  };
  if (std::any_of(found->key.holds.begin(), found->key.holds.end(), same)) {
    controlled_items_.erase(item);
    penalties_.erase(item);
    return;
  }
  penalty.key = found->key;
  penalty.key.key = item;
  penalty.key.upstream = penalty.upstream;
  penalty.written = penalty.until;
  drop_ended_holds(penalty.key, wall(turn.now));
  std::erase_if(penalty.key.holds, [](const wire::Hold& hold) {
    return hold.kind == wire::HoldKind::kPenalty && hold.until.us != 0;
  });
  penalty.key.holds.push_back({wire::HoldKind::kPenalty, penalty.until, "upstream"});
  park(SetHolds{item, penalty.upstream, penalty.key.holds}, ForPenalty{item}, turn);
}

}  // namespace sluice::ingest
