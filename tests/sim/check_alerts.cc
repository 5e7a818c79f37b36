// An alert is raised once, by one line of the trail, and delivered at least once to every sink.
#include <set>
#include <string>
#include <utility>

#include "tests/sim/checks.h"
#include "tests/sim/ledger.h"

namespace sluice::sim {
namespace {

class Alerts : public Witness {
 public:
  Alerts(World& world, const Settings& settings, const LedgerFake& ledger)
      : world_(world), settings_(settings), ledger_(ledger) {}

  void alert_raised(const std::string& alert_id) override {
    if (!raised_.insert(alert_id).second) world_.breaks("alerts", "raised twice: " + alert_id);
  }
  void alert_delivered(const std::string& alert_id, const std::string& sink) override {
    if (!raised_.contains(alert_id)) world_.breaks("alerts", "delivered before it was raised");
    delivered_.emplace(alert_id, sink);
  }
  void ended() override {
    for (const std::string& alert_id : raised_)
      for (const alerter::Sink& sink : settings_.alerter.sinks)
        if (!delivered_.contains({alert_id, sink.name}))
          world_.breaks("alerts", alert_id + " never reached " + sink.name);
    if (ledger_.total_nano() >= settings_.auditor.budgets.front().amount_nano && raised_.empty())
      world_.breaks("alerts", "the budget is spent and nobody was told");
  }

 private:
  World& world_;
  const Settings& settings_;
  const LedgerFake& ledger_;
  std::set<std::string> raised_;
  std::set<std::pair<std::string, std::string>> delivered_;
};

}  // namespace

std::unique_ptr<Witness> check_alerts(World& world, const Settings& settings,
                                      const LedgerFake& ledger) {
  return std::make_unique<Alerts>(world, settings, ledger);
}

}  // namespace sluice::sim
