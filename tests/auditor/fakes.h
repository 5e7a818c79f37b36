// A trail and a ledger in memory that keep the promises of trail_port.h and ledger_port.h, and that
// outlive the core: what a process finds after a kill.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "auditor/ledger_port.h"
#include "auditor/trail_line.h"
#include "auditor/trail_port.h"
#include "lib/base/calendar.h"
#include "lib/digest/digest.h"

namespace sluice::auditor {

class FakeTrail {
 public:
  TrailAnswer answer(const TrailCall& call) {
    if (std::holds_alternative<TrailOpen>(call))
      return TrailOpened{tail_, torn_bytes_, segment_age};
    if (const auto* read = std::get_if<TrailRead>(&call)) return lines_from(*read);
    return append(std::get<TrailAppend>(call));
  }

  Duration segment_age;  // of the last one, at the next start

  void tear(std::uint64_t bytes) { torn_bytes_ = bytes; }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] std::vector<std::string>& lines() { return lines_; }
  [[nodiscard]] const std::set<std::uint64_t>& headers() const { return headers_; }
  [[nodiscard]] const Tail& tail() const { return tail_; }

 private:
  TrailAnswer lines_from(const TrailRead& read) const {
    TrailLines found;
    for (std::uint64_t n = read.from_line; n <= lines_.size(); ++n) {
      if (found.lines.size() == read.lines_max) break;
      found.lines.push_back(lines_[n - 1]);
    }
    found.more = read.from_line + found.lines.size() <= lines_.size();
    return found;
  }
  TrailAnswer append(const TrailAppend& append) {
    if (append.after != tail_.line || append.after_hash != tail_.hash) {
      return TrailFailed{"the trail ends elsewhere"};
    }
    for (const TrailLine& line : append.lines) {
      lines_.push_back(line.text);
      if (line.starts_segment) {
        headers_.insert(lines_.size());
        ++tail_.segment;
        tail_.segment_bytes = 0;
      }
      tail_.segment_bytes += line.text.size() + 1;
      tail_.hash = read_line(line.text).value().hash;
    }
    tail_.line = lines_.size();
    torn_bytes_ = 0;
    return TrailAppended{};
  }

  std::vector<std::string> lines_;
  std::set<std::uint64_t> headers_;
  std::uint64_t torn_bytes_ = 0;
  Tail tail_{0, no_hash(), 0, 0};
};

class FakeLedger {
 public:
  LedgerAnswer answer(const LedgerCall& call) {
    if (std::holds_alternative<LedgerOpen>(call)) return open();
    if (const auto* look = std::get_if<LedgerLook>(&call)) return this->look(*look);
    if (const auto* book = std::get_if<LedgerBook>(&call)) return this->book(*book);
    return follow(std::get<LedgerFollow>(call));
  }

  std::map<std::string, std::map<std::string, std::int64_t>> months;
  std::map<std::string, std::string> events;
  std::map<std::string, wire::Alert> alerts;
  std::map<std::string, std::uint64_t> records;
  std::vector<LimitsSeen> limits;
  [[nodiscard]] const Indexed& indexed() const { return indexed_; }
  std::uint64_t watch_from = 1;

 private:
  LedgerAnswer open() const {
    LedgerOpened opened;
    opened.trail_secret = "the trail's secret";
    opened.indexed_line = indexed_.line;
    opened.indexed_hash = indexed_.line == 0 ? no_hash() : indexed_.hash;
    opened.watch_from = watch_from;
    opened.limits = limits;
    opened.newest = indexed_.at;
    for (const auto& [id, alert] : alerts) {
      if (alert.cursor == 0) opened.due.push_back(alert);
    }
    return opened;
  }
  LedgerAnswer look(const LedgerLook& look) const {
    LedgerFound found;
    for (const auto& name : look.records) found.records.push_back(records.contains(name));
    for (const auto& key : look.keys) found.secrets.push_back(to_bytes(sha256("secret of " + key)));
    for (const auto& event : look.events) {
      const auto known = events.find(event);
      found.events.push_back(known == events.end() ? "" : known->second);
    }
    for (const auto& month : look.months) {
      auto& totals = found.months.emplace_back();
      const auto known = months.find(month);
      if (known == months.end()) continue;
      for (const auto& [provider, amount] : known->second) totals.push_back({provider, amount});
    }
    return found;
  }
  LedgerAnswer book(const LedgerBook& book) {
    for (const wire::Cost& cost : book.costs) {
      if (!events.emplace(cost.event_id, cost.content_hash).second) continue;
      months[month_of(cost.at)][cost.provider] += cost.amount_nano;
    }
    LedgerBooked booked;
    for (const wire::Alert& alert : book.alerts) {
      const auto [entry, added] = alerts.emplace(alert.alert_id, alert);
      if (alert.cursor != 0) entry->second.cursor = alert.cursor;
      booked.alerts_new.push_back(added);
    }
    for (const IndexedRecord& record : book.records) records.emplace(record.record, record.line);
    if (book.indexed && book.indexed->line > indexed_.line) indexed_ = *book.indexed;
    for (const LimitsSeen& one : book.limits) this->book(one);
    return booked;
  }
  void book(const LimitsSeen& ruling) {
    for (LimitsSeen& other : limits) {
      if (other.upstream != ruling.upstream || other.version == ruling.version) continue;
      if (other.replaced_at.us == 0 && other.at <= ruling.at) other.replaced_at = ruling.at;
    }
    std::erase_if(limits, [&](const LimitsSeen& one) {
      return one.upstream == ruling.upstream && one.version == ruling.version;
    });
    limits.push_back(ruling);
  }
  LedgerAnswer follow(const LedgerFollow& ask) const {
    LedgerAlerts found;
    for (const auto& [id, alert] : alerts) {
      if (alert.cursor > ask.after) found.alerts.push_back(alert);
    }
    std::sort(found.alerts.begin(), found.alerts.end(),
              [](const auto& a, const auto& b) { return a.cursor < b.cursor; });
    found.more = found.alerts.size() > ask.max;
    if (found.more) found.alerts.resize(ask.max);
    return found;
  }

  Indexed indexed_;
};

}  // namespace sluice::auditor
