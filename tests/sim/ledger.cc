#include "tests/sim/ledger.h"

#include <algorithm>

#include "auditor/trail_line.h"
#include "lib/base/calendar.h"

namespace sluice::sim {

std::string trail_secret() { return std::string(32, 't'); }

auditor::LedgerAnswer LedgerFake::apply(const auditor::LedgerCall& call) {
  return std::visit([this](const auto& one) { return act(one); }, call);
}

bool LedgerFake::has_costs(const auditor::LedgerCall& call) {
  if (const auto* look = std::get_if<auditor::LedgerLook>(&call)) return !look->events.empty();
  const auto* book = std::get_if<auditor::LedgerBook>(&call);
  return book != nullptr && !book->costs.empty();
}

auditor::LedgerAnswer LedgerFake::apply_here(const auditor::LedgerCall& call) {
  if (const auto* look = std::get_if<auditor::LedgerLook>(&call)) {
    auto found = std::get<auditor::LedgerFound>(act({look->records, look->keys, {}, {}}));
    found.knows_costs = false;
    return found;
  }
  auditor::LedgerBook book = std::get<auditor::LedgerBook>(call);
  book.costs.clear();
  auto booked = std::get<auditor::LedgerBooked>(act(book));
  booked.has_costs = false;
  return booked;
}

auditor::LedgerAnswer LedgerFake::apply_costs(const auditor::LedgerCall& call,
                                              const auditor::LedgerAnswer& here) {
  if (const auto* look = std::get_if<auditor::LedgerLook>(&call)) {
    auto found = std::get<auditor::LedgerFound>(act({{}, {}, look->events, look->months}));
    const auto& local = std::get<auditor::LedgerFound>(here);
    found.records = local.records;
    found.secrets = local.secrets;
    return found;
  }
  act({std::get<auditor::LedgerBook>(call).costs, {}, {}, {}});
  auto booked = std::get<auditor::LedgerBooked>(here);
  booked.has_costs = true;
  return booked;
}

std::int64_t LedgerFake::total_nano() const {
  std::int64_t total = 0;
  for (const auto& [month, providers] : months_)
    for (const auto& [provider, amount] : providers) total += amount;
  return total;
}

std::uint64_t LedgerFake::last_alert() const {
  std::uint64_t last = 0;
  for (const auto& [id, alert] : alerts_)
    last = std::max(last, alert.cursor == 0 ? UINT64_MAX : alert.cursor);
  return last;
}

auditor::LedgerAnswer LedgerFake::act(const auditor::LedgerOpen& open) {
  auditor::LedgerOpened found;
  found.trail_secret = trail_secret();
  found.indexed_hash = auditor::no_hash();
  if (!indexed_.empty()) {
    found.indexed_line = indexed_.back().line;
    found.indexed_hash = indexed_.back().hash;
  }
  StoreTime newest;
  for (const auditor::Indexed& range : indexed_) newest = std::max(newest, range.at);
  for (const auditor::Indexed& range : indexed_) {
    found.watch_from = range.first_line;
    if (range.at >= newest - open.watch_span) break;
  }
  for (const auto& [id, alert] : alerts_)
    if (alert.cursor == 0) found.due.push_back(alert);
  found.limits = limits_;
  found.newest = newest;
  return found;
}

std::string LedgerFake::secret_of(const std::string& key) {
  std::string& secret = secrets_[key];
  while (secret.size() < 32) secret.push_back(static_cast<char>(world_.prng.below(256)));
  return secret;
}

auditor::LedgerAnswer LedgerFake::act(const auditor::LedgerLook& look) {
  auditor::LedgerFound found;
  for (const std::string& record : look.records) found.records.push_back(records_.contains(record));
  for (const std::string& key : look.keys) found.secrets.push_back(secret_of(key));
  for (const std::string& event : look.events) {
    const auto at = costs_.find(event);
    found.events.push_back(at == costs_.end() ? "" : at->second.content_hash);
  }
  for (const std::string& month : look.months) {
    auto& totals = found.months.emplace_back();
    for (const auto& [provider, amount] : months_[month]) totals.push_back({provider, amount});
  }
  return found;
}

auditor::LedgerAnswer LedgerFake::act(const auditor::LedgerBook& book) {
  for (const wire::Cost& cost : book.costs) {
    if (!costs_.emplace(cost.event_id, cost).second) continue;
    months_[month_of(cost.at)][cost.provider] += cost.amount_nano;
    world_.note("ledger", "cost", cost.event_id, cost.amount_nano);
  }
  auditor::LedgerBooked booked;
  for (const wire::Alert& alert : book.alerts) {
    const auto [at, created] = alerts_.emplace(alert.alert_id, alert);
    if (alert.cursor != 0) at->second.cursor = alert.cursor;
    booked.alerts_new.push_back(created);
  }
  for (const auditor::IndexedRecord& record : book.records) records_[record.record] = record.line;
  if (book.indexed) indexed_.push_back(*book.indexed);
  limits_.insert(limits_.end(), book.limits.begin(), book.limits.end());
  return booked;
}

auditor::LedgerAnswer LedgerFake::act(const auditor::LedgerFollow& follow) {
  std::vector<wire::Alert> lined;
  for (const auto& [id, alert] : alerts_)
    if (alert.cursor > follow.after) lined.push_back(alert);
  std::sort(lined.begin(), lined.end(),
            [](const wire::Alert& a, const wire::Alert& b) { return a.cursor < b.cursor; });
  auditor::LedgerAlerts found;
  found.more = lined.size() > follow.max;
  lined.resize(std::min<std::size_t>(lined.size(), follow.max));
  found.alerts = std::move(lined);
  return found;
}

}  // namespace sluice::sim
