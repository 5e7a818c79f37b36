// Costs are booked exactly once by event_id: whatever was answered is in the ledger, whatever is in
// the ledger was sent, and the totals are its sum.
#include <map>
#include <string>

#include "tests/sim/checks.h"
#include "tests/sim/ledger.h"

namespace sluice::sim {
namespace {

class Costs : public Witness {
 public:
  Costs(World& world, const LedgerFake& ledger) : world_(world), ledger_(ledger) {}

  void cost_sent(const wire::Cost& cost) override { sent_.emplace(cost.event_id, cost); }
  void cost_answered(const std::string& event_id) override {
    if (!ledger_.costs().contains(event_id))
      world_.breaks("costs", "answered before it was booked: " + event_id);
  }
  void ended() override {
    std::int64_t total = 0;
    for (const auto& [event_id, cost] : sent_) {
      total += cost.amount_nano;
      if (!ledger_.costs().contains(event_id)) world_.breaks("costs", "not booked: " + event_id);
    }
    if (ledger_.costs().size() != sent_.size() || ledger_.total_nano() != total)
      world_.breaks("costs", "the ledger's total is " + std::to_string(ledger_.total_nano()) +
                                 ", sent were " + std::to_string(total));
  }

 private:
  World& world_;
  const LedgerFake& ledger_;
  std::map<std::string, wire::Cost> sent_;
};

}  // namespace

std::unique_ptr<Witness> check_costs(World& world, const LedgerFake& ledger) {
  return std::make_unique<Costs>(world, ledger);
}

}  // namespace sluice::sim
