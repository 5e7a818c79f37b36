#include "auditor/core.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "auditor/trail_facts.h"
#include "lib/base/mark.h"
#include "lib/stage/core.h"

namespace sluice::auditor {
namespace {

constexpr std::uint32_t kFollowMax = 500;    // alerts in one answer
constexpr std::size_t kFollowersMax = 64;    // questions of alerters under way
constexpr std::size_t kAlertLinesMax = 500;  // alert lines in one round

static_assert(Core<AuditorCore>);

}  // namespace

AuditorCore::AuditorCore(Config config)
    : config_(std::move(config)),
      watch_(config_.upstreams, config_.watch_keys_max, config_.watch_attempts_max),
      figures_(config_.bounds) {
  edit(config_.upstreams);
}

void AuditorCore::edit(const std::vector<Upstream>& upstreams) {
  for (const Upstream& upstream : upstreams) {
    const std::uint64_t version = limits_version(upstream.name, upstream.limits);
    watch_.learn({upstream.name, version_name(version), upstream.limits});
  }
}

void AuditorCore::edit(const std::vector<Budget>& budgets) { config_.budgets = budgets; }

void AuditorCore::uncopied(std::uint64_t segments, StoreTime since, StoreTime wall, Instant now) {
  if (!has_work()) work_since_ = now;
  std::vector<wire::Alert> alerts;
  figures_.uncopied(segments, since, wall, alerts);
  std::move(alerts.begin(), alerts.end(), std::back_inserter(raised_));
}

std::size_t AuditorCore::room() const {
  const std::size_t waiting =
      records_.size() + costs_.size() + round_.records.size() + costs_round_.costs.size();
  return waiting >= config_.pending_max ? 0 : config_.pending_max - waiting;
}

Instant AuditorCore::deadline() const {
  if (phase_ == Phase::kClosed) return reopen_at_;
  if (call_ != 0) return std::min(call_ends_, costs_due());
  return has_work() ? std::min(work_since_, costs_due()) : costs_due();
}

bool AuditorCore::idle() const {
  return !has_work() && costs_.empty() && costs_call_ == 0 && step_ == Step::kIdle;
}

std::size_t AuditorCore::effects_max() const {
  return 2 * std::size_t{config_.batch_max} + kFollowMax + 16;
}

bool AuditorCore::ready() const { return phase_ == Phase::kReady && sound_; }

wire::HeartbeatFacts AuditorCore::heartbeat(wire::PeerId, Instant) const { return {}; }

void AuditorCore::accept(const Work& work, Instant now, Out& out) {
  const auto& from = std::get<wire::FromPeer>(work);
  if (!has_work()) work_since_ = now;
  if (costs_.empty()) costs_since_ = now;
  const bool to_write = std::holds_alternative<wire::Record>(from.item) ||
                        std::holds_alternative<wire::Cost>(from.item);
  // Costs leave room for records: what books them may be slow, or away.
  const bool is_one_too_many = std::holds_alternative<wire::Cost>(from.item) &&
                               costs_.size() + costs_round_.costs.size() >= config_.pending_max / 2;
  if (to_write && (room() == 0 || is_one_too_many)) {
    MARK("auditor: no room for a line");
    ++counts_.overflowed;  // not answered: it is said again
    return;
  }
  if (const auto* record = std::get_if<wire::Record>(&from.item)) {
    records_.push_back({from.peer, *record});
  } else if (const auto* cost = std::get_if<wire::Cost>(&from.item)) {
    costs_.push_back({from.peer, *cost});
  } else if (const auto* reserve = std::get_if<wire::Reserve>(&from.item)) {
    out.push(wire::Send{from.peer, wire::Reserved{reserve->reservation_id, false,
                                                  "budget reservations are not kept"}});
  } else if (const auto* ask = std::get_if<wire::Follow>(&from.item)) {
    follow(from.peer, *ask, out);
  } else if (const auto* backlog = std::get_if<wire::Backlog>(&from.item)) {
    std::vector<wire::Alert> alerts;
    figures_.hear(from.peer, *backlog, now, alerts);
    std::move(alerts.begin(), alerts.end(), std::back_inserter(raised_));
  }
}

void AuditorCore::complete(const Reply& reply, Instant now, Out& out) {
  if (const auto* trail = std::get_if<TrailReply>(&reply)) hear(*trail, now, out);
  if (const auto* ledger = std::get_if<LedgerReply>(&reply)) hear(*ledger, now, out);
  if (const auto* down = std::get_if<wire::PeerDown>(&reply)) figures_.forget(down->peer);
}

void AuditorCore::tick(Instant now, Out& out) {
  if (phase_ == Phase::kClosed) {
    if (now >= reopen_at_) open(now, out);
    return;
  }
  if (call_ != 0) {
    if (now >= call_ends_) {
      MARK("auditor: a disk does not answer");
      reopen(now);
    }
  } else if (has_work()) {
    start_round(now, out);
  }
  tick_costs(now, out);
}

void AuditorCore::ask(TrailCall call, Instant now, Out& out) {
  call_ = ++last_call_;
  call_ends_ = now + config_.call_timeout;
  out.push(TrailAsk{call_, std::move(call)});
}

void AuditorCore::ask(LedgerCall call, Instant now, Out& out) {
  call_ = ++last_call_;
  call_ends_ = now + config_.call_timeout;
  out.push(LedgerAsk{call_, std::move(call)});
}

// ---- replies ---------------------------------------------------------------------------------

void AuditorCore::hear(const TrailReply& reply, Instant now, Out& out) {
  if (call_ == 0 || reply.call_id != call_) return;
  call_ = 0;
  if (const auto* found = std::get_if<TrailOpened>(&reply.answer)) {
    opened(*found, now, out);
  } else if (const auto* lines = std::get_if<TrailLines>(&reply.answer)) {
    have_read(*lines, now, out);
  } else if (std::holds_alternative<TrailAppended>(reply.answer)) {
    appended(now, out);
  } else {
    MARK("auditor: the trail cannot be written");
    reopen(now);
  }
}

void AuditorCore::hear(const LedgerReply& reply, Instant now, Out& out) {
  if (const auto* alerts = std::get_if<LedgerAlerts>(&reply.answer)) {
    have_alerts(reply.call_id, *alerts, out);
    return;
  }
  if (costs_call_ != 0 && reply.call_id == costs_call_) {
    hear_costs(reply.answer, now, out);
    return;
  }
  if (call_ == 0 || reply.call_id != call_) {
    followers_.erase(reply.call_id);
    late(reply.answer, now);
    return;
  }
  call_ = 0;
  if (const auto* found = std::get_if<LedgerOpened>(&reply.answer)) {
    opened(*found, now, out);
  } else if (const auto* known = std::get_if<LedgerFound>(&reply.answer)) {
    judge(*known, now, out);
  } else if (const auto* booked = std::get_if<LedgerBooked>(&reply.answer)) {
    have_booked(*booked, now, out);
  } else {
    MARK("auditor: the ledger cannot be written");
    reopen(now);
  }
}

// What was given up was written after all: alerts that it brought have no line yet, and nobody but
// the ledger knows of them.
void AuditorCore::late(const LedgerAnswer& answer, Instant now) {
  const auto* booked = std::get_if<LedgerBooked>(&answer);
  if (booked == nullptr || phase_ == Phase::kClosed) return;
  const auto& are_new = booked->alerts_new;
  if (std::find(are_new.begin(), are_new.end(), true) == are_new.end()) return;
  reopen(now);
}

// The figures count what is durable, so that what has to go round again is counted once.
void AuditorCore::appended(Instant now, Out& out) {
  if (round_tail_.segment != tail_.segment) segment_since_ = now;
  tail_ = round_tail_;
  torn_bytes_ = 0;
  for (wire::Send& answer : round_.after_append) out.push(std::move(answer));
  round_.after_append.clear();
  for (const std::size_t place : round_.fresh) {
    figures_.see(round_.records[place].record, now, round_.book.alerts);
  }
  book(now, out);
}

// ---- a round ---------------------------------------------------------------------------------

bool AuditorCore::has_work() const {
  return !records_.empty() || !due_.empty() || !raised_.empty() || torn_bytes_ > 0;
}

void AuditorCore::start_round(Instant now, Out& out) {
  round_ = {};
  round_.torn_bytes = torn_bytes_;
  move_front(records_, round_.records, config_.batch_max);
  move_front(due_, round_.alerts, kAlertLinesMax);
  move_front(raised_, round_.raised, kAlertLinesMax);
  step_ = Step::kLooking;
  if (round_.records.empty()) {
    judge({}, now, out);
  } else {
    ask(round_.look(trail_secret_), now, out);
  }
}

// A segment that is old counts as full.
Tail AuditorCore::tail_at(Instant now) const {
  Tail tail = tail_;
  if (tail.segment != 0 && now - segment_since_ >= config_.segment_age_max) {
    MARK("auditor: a segment is sealed for its age");
    tail.segment_bytes = std::max(tail.segment_bytes, config_.segment_bytes_max);
  }
  return tail;
}

void AuditorCore::judge_round(Round& round, const Known& known, Instant now, Out& out) {
  round.judge(known.found, {config_.budgets,
                            known.chain,
                            {watch_, &figures_, counts_},
                            figures_.at_least(now),
                            config_.bounds.long_penalty});
  for (wire::Send& answer : round.at_once) out.push(std::move(answer));
  round.at_once.clear();
}

void AuditorCore::judge(const LedgerFound& found, Instant now, Out& out) {
  Chain chain(tail_at(now), config_.segment_bytes_max);
  judge_round(round_, {found, chain}, now, out);
  round_tail_ = chain.tail();
  if (chain.lines().empty()) {
    book(now, out);
    return;
  }
  step_ = Step::kAppending;
  ask(TrailAppend{tail_.line, tail_.hash, chain.take()}, now, out);
}

void AuditorCore::book(Instant now, Out& out) {
  const LedgerBook& book = round_.book;
  step_ = Step::kBooking;
  if (book.alerts.empty() && book.limits.empty() && !book.indexed) {
    have_booked({}, now, out);
  } else {
    ask(book, now, out);
  }
}

void AuditorCore::have_booked(const LedgerBooked& found, Instant now, Out& out) {
  if (phase_ == Phase::kReading) {
    raise(read_book_.alerts, found.alerts_new);
    indexed_line_ = std::max(indexed_line_, read_line_);
    read_book_ = {};
    read_on(now, out);
    return;
  }
  raise(round_.book.alerts, found.alerts_new);
  sound_ = true;
  round_ = {};
  step_ = Step::kIdle;
  work_since_ = now;
}

// Alerts that the ledger did not know get their line in the next round; but not those whose line
// was booked together with them (they are met so when a trail is read into a new ledger).
void AuditorCore::raise(const std::vector<wire::Alert>& alerts, const std::vector<bool>& are_new) {
  for (std::size_t n = 0; n < alerts.size() && n < are_new.size(); ++n) {
    if (alerts[n].cursor != 0 || !are_new[n]) continue;
    const bool has_line = std::any_of(alerts.begin(), alerts.end(), [&](const wire::Alert& other) {
      return other.cursor != 0 && other.alert_id == alerts[n].alert_id;
    });
    if (has_line) continue;
    MARK("auditor: an alert is raised");
    ++counts_.alerts_raised;
    due_.push_back(alerts[n]);
  }
}

// ---- the alerter's questions -----------------------------------------------------------------

// While nothing can be written no alert is raised: the alerter is not told that all is well. It
// asks again, and says itself that it hears nothing.
void AuditorCore::follow(wire::PeerId peer, const wire::Follow& ask, Out& out) {
  if (!ready()) {
    MARK("auditor: an alerter asks while nothing can be written");
    return;
  }
  if (followers_.size() >= kFollowersMax) followers_.erase(followers_.begin());
  followers_[++last_call_] = {peer, ask.after};
  out.push(LedgerAsk{last_call_, LedgerFollow{ask.after, std::min(ask.max, kFollowMax)}});
}

// A cursor beyond the trail's end is answered with that end: this is another trail.
void AuditorCore::have_alerts(std::uint64_t call_id, const LedgerAlerts& found, Out& out) {
  const auto asked = followers_.find(call_id);
  if (asked == followers_.end()) return;
  const Follower follower = asked->second;
  followers_.erase(asked);
  std::uint64_t cursor = std::min(follower.after, tail_.line);
  for (const wire::Alert& alert : found.alerts) {
    out.push(wire::Send{follower.peer, alert});
    cursor = alert.cursor;
  }
  out.push(wire::Send{follower.peer, wire::Followed{cursor, found.more}});
}

}  // namespace sluice::auditor
