// Ingest's core: holds that a limiter has told: penalties that last (Recall), and what persons said
// elsewhere (Word). They are put into the key's item in parking beside what is there, so that they
// come back with Parked when store and limiters have forgotten them, and each parking has the last
// word. One change of an item at a time: they wait for a person's.
#include <utility>

#include "ingest/core.h"
#include "lib/wire/words.h"

namespace sluice::ingest {

namespace {

constexpr Duration kAgain = seconds(1);

}  // namespace

void IngestCore::penalised(const wire::Recall& told, const Turn& turn) {
  if (told.until <= wall(turn.now)) return;
  keep({told.upstream, told.key, {wire::HoldKind::kPenalty, told.until, "upstream"}}, turn);
}

void IngestCore::keep(const wire::Word& told, const Turn& turn) {
  if (wire::is_word(told.hold) && wire::is_forgotten(told.hold, wall(turn.now))) return;
  const std::string& item = told.key.empty() ? told.upstream : told.key;
  Keeping& keeping = keeping_[item];
  if (!wire::take_in(keeping.holds, told.hold) || ++keeping.news > 1) return;
  keeping.key.key = item;
  keeping.key.upstream = told.upstream;
  write_told(item, turn);
}

// Parking that is away is asked again: until then the limiters that live know it.
void IngestCore::write_told(const std::string& item, const Turn& turn) {
  if (!controlled_items_.insert(item).second) {
    return at(turn.now + kAgain, Due::kTold, 0, item);
  }
  park(LookupId{config_.source, {}, item}, ForTold{item}, turn);
}

void IngestCore::told_parked(const std::string& item, const ParkingAnswer& answer,
                             const Turn& turn) {
  Keeping& keeping = keeping_.at(item);
  const auto* found = std::get_if<LookupAnswer>(&answer);
  if (found == nullptr) {
    controlled_items_.erase(item);
    if (!std::holds_alternative<Acknowledged>(answer) || keeping.news > keeping.written) {
      return at(turn.now + kAgain, Due::kTold, 0, item);
    }
    const KeyFacts known = std::move(keeping_.extract(item).mapped().key);
    for (auto& [peer, to] : limiters_) announce_holds(to, known, turn);
    return announce_key(known, turn);
  }
  KeyFacts& key = keeping.key;
  key.count = found->key.count;
  key.head_order = found->key.head_order;
  key.holds = found->key.holds;
  drop_forgotten_holds(key, wall(turn.now));
  bool news = false;
  for (const wire::Hold& hold : keeping.holds) news = wire::take_in(key.holds, hold) || news;
  if (!news) {
    controlled_items_.erase(item);
    keeping_.erase(item);
    return;
  }
  keeping.written = keeping.news;
  park(SetHolds{item, key.upstream, key.holds}, ForTold{item}, turn);
}

}  // namespace sluice::ingest
