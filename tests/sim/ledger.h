// A ledger in memory: each call one transaction, durable when applied. It outlives the auditor.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "auditor/ledger_port.h"
#include "tests/sim/world.h"

namespace sluice::sim {

// The secret under which the trail of every run names its records.
std::string trail_secret();

class LedgerFake {
 public:
  explicit LedgerFake(World& world) : world_(world) {}

  auditor::LedgerAnswer apply(const auditor::LedgerCall& call);

  // Costs elsewhere (auditor/split_ledger.h): what of a call is here, where all but costs is, and
  // the whole answer once the costs are done.
  static bool has_costs(const auditor::LedgerCall& call);
  auditor::LedgerAnswer apply_here(const auditor::LedgerCall& call);
  auditor::LedgerAnswer apply_costs(const auditor::LedgerCall& call,
                                    const auditor::LedgerAnswer& here);

  [[nodiscard]] const std::map<std::string, wire::Cost>& costs() const { return costs_; }
  // What every cost that was ever booked adds up to, as the ledger's totals have it.
  [[nodiscard]] std::int64_t total_nano() const;
  // The line of the last alert; the greatest number while one is still to get its line.
  [[nodiscard]] std::uint64_t last_alert() const;

 private:
  auditor::LedgerAnswer act(const auditor::LedgerOpen& open);
  auditor::LedgerAnswer act(const auditor::LedgerLook& look);
  auditor::LedgerAnswer act(const auditor::LedgerBook& book);
  auditor::LedgerAnswer act(const auditor::LedgerFollow& follow);
  std::string secret_of(const std::string& key);

  World& world_;
  std::map<std::string, wire::Cost> costs_;
  std::map<std::string, std::map<std::string, std::int64_t>> months_;
  std::map<std::string, std::uint64_t> records_;
  std::map<std::string, wire::Alert> alerts_;
  std::map<std::string, std::string> secrets_;
  std::vector<auditor::LimitsSeen> limits_;
  std::vector<auditor::Indexed> indexed_;
};

}  // namespace sluice::sim
