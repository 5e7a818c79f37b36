// A ledger of two halves: costs in DynamoDB (dynamo_costs.h), all else in the file beside the
// trail. What is local is answered though costs are away (LedgerFound::knows_costs,
// LedgerBooked::has_costs).
#pragma once

#include <functional>
#include <string>

#include "auditor/dynamo_costs.h"
#include "auditor/ledger_port.h"
#include "lib/port/log.h"

namespace sluice::auditor {

class SplitLedger {
 public:
  using Local = std::function<LedgerAnswer(const LedgerCall&)>;
  using Answered = std::function<void(LedgerReply)>;

  // What it is given outlives it.
  SplitLedger(Local local, DynamoCosts& costs, port::Log& log)
      : local_(std::move(local)), costs_(costs), log_(log) {}

  // Calls `answered` once, at once or later; not at all when the ledger is opened meanwhile.
  void perform(const LedgerAsk& ask, const Answered& answered);

  // Why costs could not be looked up or booked the last time; empty: they could.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  void look(std::uint64_t call_id, const LedgerLook& ask, const Answered& answered);
  void book(std::uint64_t call_id, LedgerBook ask, const Answered& answered);
  void went(const Error* error);

  Local local_;
  DynamoCosts& costs_;
  port::Log& log_;
  std::string trouble_;
};

}  // namespace sluice::auditor
