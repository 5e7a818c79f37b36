// Costs are booked exactly once by event_id: whatever was answered is in the ledger, whatever is in
// the ledger was sent, and the totals are its sum. Of two costs under one event id one is booked,
// and the other refused.
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/sim/checks.h"
#include "tests/sim/ledger.h"

namespace sluice::sim {
namespace {

class Costs : public Witness {
 public:
  Costs(World& world, const LedgerFake& ledger) : world_(world), ledger_(ledger) {}

  void cost_sent(const wire::Cost& cost) override {
    sent_[cost.event_id].insert(cost.content_hash);
  }
  void cost_answered(const wire::Cost& cost) override {
    if (booked(cost.event_id) != cost.content_hash)
      world_.breaks("costs", "answered before it was booked, or another was: " + cost.event_id);
  }
  void cost_refused(const wire::Cost& cost) override {
    refused_.emplace(cost.event_id, cost.content_hash);
  }
  void ended() override {
    for (const auto& [event_id, contents] : sent_)
      if (!contents.contains(booked(event_id))) world_.breaks("costs", "not booked: " + event_id);
    for (const auto& [event_id, hash] : refused_)
      if (booked(event_id) == hash) world_.breaks("costs", "refused, and booked: " + event_id);
    std::int64_t total = 0;
    for (const auto& [event_id, cost] : ledger_.costs()) total += cost.amount_nano;
    if (ledger_.costs().size() != sent_.size() || ledger_.total_nano() != total)
      world_.breaks("costs", "the ledger's total is " + std::to_string(ledger_.total_nano()) +
                                 ", its costs are " + std::to_string(total));
  }

 private:
  // The content that the ledger has of it; empty: none.
  [[nodiscard]] std::string booked(const std::string& event_id) const {
    const auto at = ledger_.costs().find(event_id);
    return at == ledger_.costs().end() ? std::string() : at->second.content_hash;
  }

  World& world_;
  const LedgerFake& ledger_;
  std::map<std::string, std::set<std::string>> sent_;  // contents, by event id
  std::set<std::pair<std::string, std::string>> refused_;
};

}  // namespace

std::unique_ptr<Witness> check_costs(World& world, const LedgerFake& ledger) {
  return std::make_unique<Costs>(world, ledger);
}

}  // namespace sluice::sim
