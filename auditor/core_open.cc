// How the auditor's core opens: what the ledger knows, where the trail ends, and the lines between.
// The same way is gone at start and after an answer that never came.
#include <algorithm>
#include <utility>

#include "auditor/core.h"
#include "auditor/holds.h"
#include "auditor/trail_facts.h"
#include "lib/base/mark.h"

namespace sluice::auditor {
namespace {

constexpr std::uint32_t kReadLines = 2'000;

}  // namespace

void AuditorCore::open(Instant now, Out& out) {
  phase_ = Phase::kOpeningLedger;
  span_asked_ = watch_.span();
  ask(LedgerOpen{span_asked_}, now, out);
}

// What the round had goes back to where it came from: the lines that were written after all are
// found again by their names.
void AuditorCore::reopen(Instant now) {
  ++counts_.reopened;
  sound_ = false;
  for (auto record = round_.records.rbegin(); record != round_.records.rend(); ++record) {
    records_.push_front(std::move(*record));
  }
  take_costs_back();
  raised_.insert(raised_.begin(), round_.raised.begin(), round_.raised.end());
  figures_.raise_again();
  round_ = {};
  step_ = Step::kIdle;
  call_ = 0;
  due_.clear();
  followers_.clear();
  read_book_ = {};
  phase_ = Phase::kClosed;
  reopen_at_ = now + config_.reopen_delay;
}

void AuditorCore::opened(const LedgerOpened& found, Instant now, Out& out) {
  for (const LimitsSeen& limits : found.limits) watch_.learn(limits);
  watch_.forget(found.newest);
  if (watch_.span() > span_asked_) {
    MARK("auditor: limits of lines reach back further than those of the settings");
    return open(now, out);
  }
  trail_secret_ = found.trail_secret;
  indexed_line_ = found.indexed_line;
  indexed_hash_ = found.indexed_hash;
  watch_from_ = found.watch_from;
  due_.assign(found.due.begin(), found.due.end());
  phase_ = Phase::kOpeningTrail;
  ask(TrailOpen{}, now, out);
}

void AuditorCore::opened(const TrailOpened& found, Instant now, Out& out) {
  tail_ = found.tail;
  segment_since_ = now - found.segment_age;
  torn_bytes_ = found.cut_bytes;
  if (tail_.line < indexed_line_) {
    halt("the trail ends at line " + std::to_string(tail_.line) + ", but " +
             std::to_string(indexed_line_) + " lines were durable",
         out);
    return;
  }
  // The watch remembers no more attempts than so many, and an attempt seldom has a second line.
  const std::uint64_t most = 2 * std::uint64_t{config_.watch_attempts_max};
  if (tail_.line > most) watch_from_ = std::max(watch_from_, tail_.line - most);
  read_line_ = std::min(indexed_line_, std::max<std::uint64_t>(watch_from_, 1) - 1);
  read_hash_.clear();
  if (read_line_ == 0) read_hash_ = no_hash();
  if (read_line_ == indexed_line_) read_hash_ = indexed_hash_;
  phase_ = Phase::kReading;
  read_on(now, out);
}

void AuditorCore::read_on(Instant now, Out& out) {
  if (read_line_ < tail_.line) {
    ask(TrailRead{read_line_ + 1, kReadLines}, now, out);
    return;
  }
  if (!read_hash_.empty() && read_hash_ != tail_.hash) {
    halt("the trail's last line is not the one that the ledger knows", out);
    return;
  }
  phase_ = Phase::kReady;
  if (!has_work() && costs_.empty()) sound_ = true;
  work_since_ = now;
  costs_since_ = now;
}

void AuditorCore::have_read(const TrailLines& found, Instant now, Out& out) {
  if (found.lines.empty()) {
    reopen(now);
    return;
  }
  MARK("auditor: lines are read that the ledger does not know");
  LedgerBook book;
  Indexed indexed;
  indexed.first_line = read_line_ + 1;
  for (const std::string& text : found.lines) {
    if (read_line_ < tail_.line && !take_line(text, book, out)) return;
    indexed.at = std::max(indexed.at, newest_read_);
  }
  figures_.sense(newest_read_, now);
  if (read_line_ > indexed_line_) {
    indexed.first_line = std::max(indexed.first_line, indexed_line_ + 1);
    indexed.line = read_line_;
    indexed.hash = read_hash_;
    book.indexed = indexed;
  }
  if (!book.indexed && book.alerts.empty()) {
    read_on(now, out);
    return;
  }
  read_book_ = std::move(book);
  ask(read_book_, now, out);
}

// One line that was there at start: false when it cannot be.
bool AuditorCore::take_line(const std::string& text, LedgerBook& book, Out& out) {
  const auto line = read_line(text);
  const std::uint64_t n = read_line_ + 1;
  const bool follows = read_hash_.empty() || is_chained(text, read_hash_);
  if (!line.ok() || line->n != n || !follows) {
    halt("line " + std::to_string(n) + " of the trail is damaged", out);
    return false;
  }
  read_line_ = n;
  read_hash_ = line->hash;
  const auto record = record_name_of(*line);
  if (record) newest_read_ = line->at;  // what others say of their time is not what time it is
  if (n == indexed_line_ && line->hash != indexed_hash_) {
    halt("line " + std::to_string(n) + " of the trail is not the one that the ledger knows", out);
    return false;
  }
  if (auto limits = limits_of(*line)) {
    watch_.learn(*limits);
    if (n > indexed_line_) book.limits.push_back(std::move(*limits));
  }
  if (n >= watch_from_) {
    if (const auto attempt = attempt_of(*line)) {
      watch_attempt(*attempt, {watch_, nullptr, counts_}, book.alerts);
    }
  }
  if (n <= indexed_line_) return true;
  if (const auto hold = hold_of(*line)) {
    const auto told = hold_alert(*hold, config_.bounds.long_penalty);
    if (told) book.alerts.push_back(*told);
  }
  if (record) book.records.push_back({*record, n});
  if (const auto alert = alert_of(*line)) {
    std::erase_if(due_, [&](const wire::Alert& due) { return due.alert_id == alert->alert_id; });
    book.alerts.push_back(*alert);
  }
  return true;
}

void AuditorCore::halt(std::string what, Out& out) {
  out.push(Halt{std::move(what)});
  phase_ = Phase::kClosed;
  reopen_at_ = Instant::never();
}

}  // namespace sluice::auditor
