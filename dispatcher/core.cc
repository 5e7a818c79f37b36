#include "dispatcher/core.h"

#include "lib/base/mark.h"

#include <algorithm>

namespace sluice::dispatcher {

namespace {

constexpr std::size_t kSayBatch = 256;  // outcomes said again in one tick
constexpr Duration kSweepEvery = seconds(1);

}  // namespace

DispatcherCore::DispatcherCore(Config config)
    : config_(std::move(config)), closures_(config_.closures_max) {
  const Breaker::Rules rules{config_.breaker_failures, config_.breaker_wait,
                             config_.breaker_wait_max};
  for (const Upstream& upstream : config_.upstreams) {
    lines_.emplace(upstream.name, Line{.upstream = &upstream, .breaker = Breaker(rules)});
    table_.set_own(upstream.name, own_share());
  }
}

// ---- entrances -------------------------------------------------------------------------------

void DispatcherCore::accept(const Work& work, Instant now, Outbox<Effect>& out) {
  const wire::PeerId from = std::get<wire::FromPeer>(work).peer;
  if (!limiters_.contains(from)) return;
  std::visit(
      [&](const auto& each) {
        if constexpr (requires { on(from, each, now, out); }) on(from, each, now, out);
      },
      std::get<wire::FromPeer>(work).item);
  announce_changes(now, out);
}

void DispatcherCore::complete(const Reply& reply, Instant now, Outbox<Effect>& out) {
  std::visit([&](const auto& each) { on(each, now, out); }, reply);
  announce_changes(now, out);
}

void DispatcherCore::tick(Instant now, Outbox<Effect>& out) {
  while (table_.next_due(false) <= now) give_up(*table_.first_due(false), now, out);
  if (!limiters_.empty()) {
    for (std::size_t n = 0; n < kSayBatch && table_.next_due(true) <= now; ++n) {
      say(*table_.first_due(true), now, out);
    }
  }
  if (now >= next_sweep_) {
    table_.let_go(low(now));
    closures_.sweep(now, low(now));
    next_sweep_ = now + kSweepEvery;
  }
  announce_changes(now, out);
}

void DispatcherCore::drain(Instant now, Outbox<Effect>& out) {
  MARK("dispatcher: it drains");
  draining_ = true;
  for (const auto& [name, line] : lines_) {
    refuse_all(table_.queued_of(name, {}), wire::NotStarted::kDraining, now, out);
  }
  announce(out);
}

// Items of limiters are always taken: credit bounds them, and what exceeds it is answered.
std::size_t DispatcherCore::room() const { return kSayBatch; }

Instant DispatcherCore::deadline() const {
  Instant next = table_.next_due(false);
  if (!limiters_.empty()) next = std::min(next, table_.next_due(true));
  for (const auto& [name, line] : lines_) {
    next = std::min(next, line.breaker.deadline(line.told_at));
  }
  if (table_.size() > 0 || closures_.size() > 0) next = std::min(next, next_sweep_);
  return next;
}

bool DispatcherCore::idle() const { return table_.all_completed(); }

std::size_t DispatcherCore::effects_max() const {
  std::size_t open = kSayBatch;
  for (const Upstream& upstream : config_.upstreams) open += 2 * std::size_t{upstream.in_flight};
  return 3 * open + 2 * limiters_.size();
}

// ---- limiters --------------------------------------------------------------------------------

void DispatcherCore::on(const wire::PeerUp& up, Instant now, Outbox<Effect>& out) {
  if (up.role != wire::Role::kLimiter) return;
  limiters_[up.peer] = {up.life, up.instance};
  by_life_[up.life] = up.peer;
  tell_penalties(up.peer, now, out);
  for (Entry* entry : table_.unsettled()) {
    const std::uint64_t owner = entry->open->owner_life;
    if (owner == up.life || !by_life_.contains(owner)) table_.set_due(*entry, now);
  }
  announce(out);
}

void DispatcherCore::on(const wire::PeerDown& down, Instant, Outbox<Effect>& out) {
  const auto gone = limiters_.find(down.peer);
  if (gone == limiters_.end()) return;
  const auto mine = by_life_.find(gone->second.life);
  if (mine != by_life_.end() && mine->second == down.peer) by_life_.erase(mine);
  limiters_.erase(gone);
  clock_.forget(down.peer);
  announce(out);
}

void DispatcherCore::on(const wire::PeerFacts& facts, Instant, Outbox<Effect>&) {
  if (!facts.round_trip || !limiters_.contains(facts.peer)) return;
  if (clock_.hear(facts.peer, *facts.round_trip) == StoreClock::Heard::kContradicts) {
    MARK("dispatcher: store time contradicts itself");
    ++counts_.clock_doubted;
  }
}

wire::PeerId DispatcherCore::limiter_of(std::uint64_t life) const {
  const auto found = by_life_.find(life);
  return found == by_life_.end() ? wire::PeerId{} : found->second;
}

DispatcherCore::Line* DispatcherCore::line(const std::string& upstream) {
  const auto found = lines_.find(upstream);
  return found == lines_.end() ? nullptr : &found->second;
}

// ---- store time ------------------------------------------------------------------------------

// 0 when nothing is known: then every recall stands and no lease has ended.
StoreTime DispatcherCore::low(Instant now) const {
  const auto bounds = clock_.bounds(now);
  return bounds ? bounds->low : StoreTime{};
}

bool DispatcherCore::knows_time(Instant now) const {
  return clock_.bounds(now) && clock_.age(now) < config_.trip_age_max;
}

bool DispatcherCore::surely_before(StoreTime limit, Instant now) const {
  return knows_time(now) && clock_.bounds(now)->high < limit;
}

// How long it is until then at least, by our clock; at most `most`. Store time is known.
Duration DispatcherCore::surely_left(StoreTime deadline, Duration most, Instant now) const {
  if (deadline == StoreTime{}) return most;
  const Duration left = std::min(deadline - clock_.bounds(now)->high, most * 2);
  return std::min(most, left * 1'000'000 / (1'000'000 + StoreClock::kDriftPpm));
}

bool DispatcherCore::closed(const OpenAttempt& open, Instant now) const {
  return closures_.closed(open.upstream, open.key, now, low(now));
}

// ---- credit ----------------------------------------------------------------------------------

wire::Credit DispatcherCore::credit(const Line& line, std::uint64_t life, Instant now) const {
  const std::string& name = line.upstream->name;
  if (draining_) return {name, 0, wire::Wait::kUpstreamFull};
  const bool trial = line.breaker.may_try(now);
  if (line.breaker.state(now) != Breaker::State::kClosed) {
    return {name, trial ? 1U : 0U, wire::Wait::kBreaker};
  }
  const std::size_t peers = std::max<std::size_t>(1, limiters_.size());
  const std::size_t share = std::max<std::size_t>(1, line.upstream->in_flight / peers);
  // Rounded up: what exceeds the table is answered, and no limiter is left without any.
  const std::size_t free = (room_in_table(name) + peers - 1) / peers;
  const std::size_t room = table_.open_of(life, name) + free;
  const bool tight = room < share;
  return {name, static_cast<std::uint32_t>(tight ? room : share),
          tight ? wire::Wait::kUpstreamFull : wire::Wait::kNone};
}

// Half of the table is shared out evenly, so that no upstream, however busy or slow, leaves another
// without room; the other half is for whoever needs it.
std::size_t DispatcherCore::own_share() const {
  return config_.table_max / 2 / std::max<std::size_t>(1, config_.upstreams.size());
}

std::size_t DispatcherCore::room_in_table(const std::string& upstream) const {
  return table_.room(upstream, config_.table_max - own_share() * config_.upstreams.size());
}

wire::HeartbeatFacts DispatcherCore::heartbeat(wire::PeerId peer, Instant now) const {
  wire::HeartbeatFacts facts;
  const auto limiter = limiters_.find(peer);
  if (limiter == limiters_.end()) return facts;
  for (const auto& [name, line] : lines_) {
    facts.credits.push_back(credit(line, limiter->second.life, now));
  }
  const Held held = table_.held_of(limiter->second.life);
  facts.held_count = held.count;
  facts.held_hash = held.hash;
  return facts;
}

void DispatcherCore::announce(Outbox<Effect>& out) const {
  for (const auto& [peer, limiter] : limiters_) out.push(wire::Announce{peer});
}

// When the reason of a credit changes (a breaker opened, a trial is free), all are told at once.
void DispatcherCore::announce_changes(Instant now, Outbox<Effect>& out) {
  bool changed = false;
  for (auto& [name, line] : lines_) {
    const wire::Credit credit = this->credit(line, 0, now);
    const bool trial = credit.why == wire::Wait::kBreaker && credit.window > 0;
    changed = changed || credit.why != line.told || trial != line.told_trial;
    line.told = credit.why;
    line.told_trial = trial;
    line.told_at = now;
  }
  if (changed) announce(out);
}

std::vector<UpstreamView> DispatcherCore::upstreams(Instant now) const {
  std::vector<UpstreamView> views;
  for (const auto& [name, line] : lines_) {
    const InUpstream in = table_.in_upstream(name);
    views.push_back({name, in.queued, in.running, in.ended, line.breaker.state(now)});
  }
  return views;
}

}  // namespace sluice::dispatcher
