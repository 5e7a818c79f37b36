#include "auditor/split_ledger.h"

#include <utility>

namespace sluice::auditor {

void SplitLedger::perform(const LedgerAsk& ask, const Answered& answered) {
  if (const auto* look_for = std::get_if<LedgerLook>(&ask.call)) {
    return look(ask.call_id, *look_for, answered);
  }
  if (const auto* books = std::get_if<LedgerBook>(&ask.call)) {
    return book(ask.call_id, *books, answered);
  }
  if (std::holds_alternative<LedgerOpen>(ask.call)) costs_.forget();
  answered({ask.call_id, local_(ask.call)});
}

void SplitLedger::look(std::uint64_t call_id, const LedgerLook& ask, const Answered& answered) {
  LedgerAnswer local = local_(LedgerLook{ask.records, ask.keys, {}, {}});
  const bool failed = std::holds_alternative<LedgerFailed>(local);
  if (failed || ask.events.empty()) return answered({call_id, std::move(local)});
  auto done = [this, call_id, answered, found = std::get<LedgerFound>(std::move(local))](
                  Result<DynamoCosts::Known> known) mutable {
    went(known.ok() ? nullptr : &known.error());
    found.knows_costs = known.ok();
    if (known.ok()) {
      found.events = std::move(known->events);
      found.months = std::move(known->months);
    }
    answered({call_id, std::move(found)});
  };
  costs_.look(ask.events, ask.months, std::move(done));
}

// Alerts first: one that a cost raises is not lost with a crash in between, as the cost, which is
// said again and is known then, would not raise it again.
void SplitLedger::book(std::uint64_t call_id, LedgerBook ask, const Answered& answered) {
  std::vector<wire::Cost> costs = std::exchange(ask.costs, {});
  LedgerAnswer local = local_(ask);
  const bool failed = std::holds_alternative<LedgerFailed>(local);
  if (failed || costs.empty()) return answered({call_id, std::move(local)});
  auto done = [this, call_id, answered,
               booked = std::get<LedgerBooked>(std::move(local))](const Status& how) mutable {
    went(how.ok() ? nullptr : &how.error());
    booked.has_costs = how.ok();
    answered({call_id, std::move(booked)});
  };
  costs_.book(std::move(costs), std::move(done));
}

// Said once for each reason.
void SplitLedger::went(const Error* error) {
  if (error == nullptr) {
    if (!trouble_.empty()) log_.info("costs are booked again");
    return trouble_.clear();
  }
  if (error->what != trouble_) {
    log_.error("costs cannot be booked: they wait", {{"why", error->what}});
  }
  trouble_ = error->what;
}

}  // namespace sluice::auditor
