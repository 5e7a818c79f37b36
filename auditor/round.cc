#include "auditor/round.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "auditor/alerts.h"
#include "auditor/holds.h"
#include "lib/base/calendar.h"
#include "lib/base/check.h"
#include "lib/base/mark.h"

namespace sluice::auditor {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

ProviderTotal& total_of(std::vector<ProviderTotal>& month, const std::string& provider) {
  const auto known = std::find_if(month.begin(), month.end(), [&](const ProviderTotal& total) {
    return total.provider == provider;
  });
  return known != month.end() ? *known : month.emplace_back(ProviderTotal{provider, 0});
}

// Not an edit, whose line names those that it replaced.
bool says_what_holds(const wire::Record& record) {
  return record.kind == wire::RecordKind::kLimits && record.limits_before == 0;
}
bool knows(const wire::Record& record, const Desk& desk) {
  return desk.watchers.watch.knows(record.upstream, version_name(record.limits_version));
}

StoreTime latest(StoreTime a, StoreTime b) { return std::max(a, b); }

}  // namespace

std::size_t Unique::add(const std::string& text) {
  const auto [place, added] = places_.try_emplace(text, all_.size());
  if (added) all_.push_back(text);
  return place->second;
}

wire::Recorded recorded(const wire::Record& record, wire::Written written) {
  wire::Recorded answer;
  answer.record_id = record.record_id;
  answer.written = written;
  return answer;
}

wire::Recorded recorded(const wire::Cost& cost, wire::Written written, std::string error) {
  wire::Recorded answer;
  answer.event_id = cost.event_id;
  answer.content_hash = cost.content_hash;
  answer.written = written;
  answer.error = std::move(error);
  return answer;
}

void watch_attempt(const AttemptSeen& attempt, const Watchers& watchers,
                   std::vector<wire::Alert>& alerts) {
  Counts& counts = watchers.counts;
  const Watch::Seen seen = watchers.watch.see(attempt);
  // What is read again at start was counted in its time.
  if (seen.unwatched && watchers.figures != nullptr) {
    ++counts.unwatched;
    watchers.figures->unwatched(attempt.granted, alerts);
  }
  counts.violations_possible += seen.possible;
  for (const Violation& violation : seen.certain) {
    ++counts.violations_certain;
    alerts.push_back(violation_alert(violation));
  }
}

LedgerLook Round::look(std::string_view trail_secret) {
  for (const PendingRecord& pending : records) {
    name_places_.push_back(record_names_.add(record_name(trail_secret, pending.record.record_id)));
    if (!pending.record.key.empty()) keys_.add(pending.record.key);
  }
  for (const PendingCost& pending : costs) {
    events_.add(pending.cost.event_id);
    months_.add(month_of(pending.cost.at));
  }
  return {record_names_.all(), keys_.all(), events_.all(), months_.all()};
}

void Round::judge(const LedgerFound& found, const Desk& desk) {
  Chain& chain = desk.chain;
  CHECK(found.records.size() == record_names_.all().size());
  CHECK(found.secrets.size() == keys_.all().size());
  CHECK(found.events.size() == events_.all().size());
  CHECK(found.months.size() == months_.all().size());
  const std::uint64_t before = chain.tail().line;
  if (torn_bytes > 0) {
    MARK("auditor: a torn line is cut");
    chain.add_torn(torn_bytes, newest_);
  }
  judge_records(found, desk);
  judge_costs(found, desk);
  write_alerts(chain);
  book.alerts.insert(book.alerts.end(), raised.begin(), raised.end());
  if (chain.tail().line > before) {
    book.indexed = Indexed{before + 1, chain.tail().line, chain.tail().hash, newest_};
  }
}

// A record that comes twice in one round is written once; both askers are answered after the fsync.
void Round::judge_records(const LedgerFound& found, const Desk& desk) {
  Counts& counts = desk.watchers.counts;
  std::vector<bool> written(found.records.size(), false);
  for (std::size_t n = 0; n < records.size(); ++n) {
    const auto& [peer, record] = records[n];
    newest_ = latest(newest_, record.at);
    const std::size_t place = name_places_[n];
    if (found.records[place] || (says_what_holds(record) && knows(record, desk))) {
      MARK("auditor: a line comes again that is written");
      if (says_what_holds(record)) learn_limits(record, desk);
      ++counts.records_known;
      at_once.push_back({peer, recorded(record, wire::Written::kBefore)});
      continue;
    }
    after_append.push_back(
        {peer, recorded(record, written[place] ? wire::Written::kBefore : wire::Written::kNow)});
    if (written[place]) {
      MARK("auditor: a line comes twice at once");
      continue;
    }
    written[place] = true;
    ++counts.records_written;
    const std::string& secret =
        record.key.empty() ? record.key : found.secrets[keys_.add(record.key)];
    fresh.push_back(n);
    const std::string& name = record_names_.all()[place];
    const RecordLine line = desk.chain.add_record(record, name, secret);
    book.records.push_back({name, line.n});
    learn_limits(record, desk);
    if (const auto attempt = attempt_of(record, line)) {
      watch_attempt(*attempt, desk.watchers, book.alerts);
    } else if (const auto hold = hold_of(record, line)) {
      if (auto alert = hold_alert(*hold, desk.long_penalty)) book.alerts.push_back(*alert);
    }
  }
}

void Round::learn_limits(const wire::Record& record, const Desk& desk) {
  auto limits = limits_of(record);
  if (!limits) return;
  desk.watchers.watch.learn(*limits);
  book.limits.push_back(std::move(*limits));
}

void Round::judge_costs(const LedgerFound& found, const Desk& desk) {
  Counts& counts = desk.watchers.counts;
  std::vector<std::string> seen = found.events;
  std::vector<std::vector<ProviderTotal>> months = found.months;
  std::vector<StoreTime> touched(months.size());
  for (const auto& [peer, cost] : costs) {
    std::string& hash = seen[events_.add(cost.event_id)];
    const bool before = !found.events[events_.add(cost.event_id)].empty();
    auto& answers = before ? at_once : after_book;
    if (!hash.empty() && hash != cost.content_hash) {
      ++counts.costs_refused;
      MARK("auditor: a cost comes again with other fields");
      answers.push_back({peer, recorded(cost, wire::Written::kRefused,
                                        "another cost with this event_id was booked before")});
      continue;
    }
    if (!hash.empty()) {
      MARK("auditor: a cost comes again");
      ++counts.costs_known;
      answers.push_back({peer, recorded(cost, wire::Written::kBefore)});
      continue;
    }
    const std::size_t month = months_.add(month_of(cost.at));
    ProviderTotal& total = total_of(months[month], cost.provider);
    if (cost.amount_nano > kCostMax || total.amount_nano > kMost - cost.amount_nano) {
      ++counts.costs_refused;
      at_once.push_back({peer, recorded(cost, wire::Written::kRefused,
                                        "amount: more than USD 1,000,000 in one cost")});
      continue;
    }
    hash = cost.content_hash;
    total.amount_nano += cost.amount_nano;
    touched[month] = latest(touched[month], cost.at);
    book.costs.push_back(cost);
    after_book.push_back({peer, recorded(cost, wire::Written::kNow)});
  }
  for (std::size_t month = 0; month < months.size(); ++month) {
    if (touched[month].us == 0) continue;
    for (wire::Alert& alert : budget_alerts(
             desk.budgets, {months_.all()[month], months[month], touched[month], desk.now})) {
      book.alerts.push_back(std::move(alert));
    }
  }
}

void Round::write_alerts(Chain& chain) {
  for (wire::Alert& alert : alerts) {
    alert.cursor = chain.add_alert(alert);
    book.alerts.push_back(alert);
  }
}

}  // namespace sluice::auditor
