// Costs in the auditor's core: a look and a booking of their own, beside the round, since what
// keeps them may be elsewhere, slow or silent.
#include <algorithm>
#include <utility>

#include "auditor/core.h"
#include "lib/base/mark.h"

namespace sluice::auditor {
namespace {

// In one booking: the more there are, the longer may it take, elsewhere, until any is answered.
constexpr std::size_t kCostsMax = 500;

}  // namespace

Instant AuditorCore::costs_due() const {
  if (phase_ != Phase::kReady) return Instant::never();
  if (costs_call_ != 0) return costs_call_ends_;
  return costs_.empty() ? Instant::never() : std::max(costs_since_, costs_again_at_);
}

void AuditorCore::ask_for_costs(LedgerCall call, Instant now, Out& out) {
  costs_call_ = ++last_call_;
  costs_call_ends_ = now + config_.costs_timeout;
  out.push(LedgerAsk{costs_call_, std::move(call)});
}

void AuditorCore::tick_costs(Instant now, Out& out) {
  if (now < costs_due()) return;
  if (costs_call_ == 0) return look_for_costs(now, out);
  if (costs_round_.book.costs.empty()) {
    MARK("auditor: a look for costs is not answered");
    put_costs_aside(now);
    return;
  }
  // Alerts of them may be in the ledger, and nobody but the ledger knows.
  MARK("auditor: a booking of costs is not answered");
  reopen(now);
}

void AuditorCore::look_for_costs(Instant now, Out& out) {
  costs_round_ = {};
  move_front(costs_, costs_round_.costs, std::min<std::size_t>(kCostsMax, config_.batch_max));
  ask_for_costs(costs_round_.look(trail_secret_), now, out);
}

void AuditorCore::hear_costs(const LedgerAnswer& answer, Instant now, Out& out) {
  costs_call_ = 0;
  if (const auto* known = std::get_if<LedgerFound>(&answer)) {
    judge_costs(*known, now, out);
  } else if (const auto* booked = std::get_if<LedgerBooked>(&answer)) {
    have_booked_costs(*booked, now, out);
  } else {
    MARK("auditor: the ledger cannot book costs");
    reopen(now);
  }
}

void AuditorCore::judge_costs(const LedgerFound& found, Instant now, Out& out) {
  if (!found.knows_costs) {
    MARK("auditor: costs cannot be looked up");
    put_costs_aside(now);
    return;
  }
  Chain chain(tail_, config_.segment_bytes_max);  // costs have no lines
  judge_round(costs_round_, {found, chain}, now, out);
  const LedgerBook& book = costs_round_.book;
  if (book.costs.empty()) {
    have_booked_costs({}, now, out);
  } else {
    ask_for_costs(book, now, out);
  }
}

void AuditorCore::have_booked_costs(const LedgerBooked& found, Instant now, Out& out) {
  if (!has_work()) work_since_ = now;
  raise(costs_round_.book.alerts, found.alerts_new);
  if (!found.has_costs) {
    MARK("auditor: costs cannot be booked");
    put_costs_aside(now);
    return;
  }
  counts_.costs_booked += costs_round_.book.costs.size();
  for (wire::Send& answer : costs_round_.after_book) out.push(std::move(answer));
  end_costs(now);
}

// What is elsewhere may be away without holding up records.
void AuditorCore::put_costs_aside(Instant now) {
  take_costs_back();
  costs_again_at_ = now + config_.costs_delay;
  end_costs(now);
}

void AuditorCore::take_costs_back() {
  for (auto cost = costs_round_.costs.rbegin(); cost != costs_round_.costs.rend(); ++cost) {
    costs_.push_front(std::move(*cost));
  }
  costs_round_ = {};
  costs_call_ = 0;
}

void AuditorCore::end_costs(Instant now) {
  costs_round_ = {};
  costs_call_ = 0;
  costs_since_ = now;
  if (!has_work() && step_ == Step::kIdle) sound_ = true;
}

}  // namespace sluice::auditor
