#include "ingest/core.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/mark.h"
#include "lib/stage/core.h"

namespace sluice::ingest {

static_assert(Core<IngestCore>);

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

IngestCore::IngestCore(Config config) : config_(std::move(config)) {}

// ---- what comes in

void IngestCore::accept(const Work& work, Instant now, Out& out) {
  const Turn turn{now, out};
  std::visit(Overloaded{
                 [&](const wire::FromPeer& from) { from_peer(from, turn); },
                 [&](const Submit& submission) { submit(submission, turn); },
                 [&](const Lookup& lookup) {
                   park(LookupId{config_.posted_source(), lookup.id, {}},
                        ForLookup{lookup.request_id, lookup.scope}, turn);
                 },
                 [&](const Cancel& asked) { cancel(asked, turn); },
                 [&](const ListMessages& asked) { list(asked, turn); },
                 [&](const LookKey& asked) { look_key(asked, turn); },
                 [&](const ListKeyPage& asked) {
                   park(ListKeys{asked.after, config_.read_max}, ForKeyPage{asked}, turn);
                 },
                 [&](const ControlKey& asked) { control(asked, turn); },
                 [&](const AskLimits& asked) { ask_limits(asked, turn); },
                 [&](const SubmitCost& cost) { submit_cost(cost, turn); },
                 [&](const QueueCopy& copy) { received(copy, turn); },
                 [&](const Drain&) { drain(turn); },
             },
             work);
}

void IngestCore::complete(const Reply& reply, Instant now, Out& out) {
  const Turn turn{now, out};
  std::visit(Overloaded{
                 [&](const wire::PeerUp& up) { peer_up(up, turn); },
                 [&](const wire::PeerDown& down) { peer_down(down.peer, turn); },
                 [&](const wire::PeerFacts& facts) { peer_facts(facts, turn); },
                 [&](const ParkingReply& parked) { answered(parked, turn); },
                 [&](const ListReply& page) { listed(page, turn); },
                 [&](const ParkingSize& size) { send_backlog(size, turn); },
                 [&](const QueueReply& queue) { queue_answered(queue, turn); },
                 [&](const ParkingChanged& changed) {
                   for (const KeyFacts& key : changed.keys) announce_key(key, turn);
                 },
             },
             reply);
}

void IngestCore::from_peer(const wire::FromPeer& from, const Turn& turn) {
  const wire::PeerId peer = from.peer;
  std::visit(Overloaded{
                 [&](const wire::Want& item) { want(peer, item, turn); },
                 [&](const wire::Settled& item) { settled(peer, item, turn); },
                 [&](const wire::Park& item) {
                   // Whatever it took the message for, it keeps it no more: a copy is parked.
                   if (item.origin == wire::Origin::kRow) parked_row(peer, item, turn);
                   park_copy(peer, item, turn);
                 },
                 [&](const wire::Quoted& item) { quoted(item, turn); },
                 [&](const wire::Recorded& item) { recorded(item, turn); },
                 [&](const wire::Controlled& item) { controlled(item, turn); },
                 [&](const wire::Recall& item) { penalised(item, turn); },
                 [&](const wire::Word& item) { keep(item, turn); },
                 [&](const wire::Moved&) { leaves(peer, turn); },
                 [](const auto&) {},  // the links let nothing else through
             },
             from.item);
}

// ---- time

void IngestCore::at(Instant when, Due due, std::uint64_t id, std::string name) {
  timers_.insert(Timer{when, due, id, std::move(name)});
}

void IngestCore::tick(Instant now, Out& out) {
  const Turn turn{now, out};
  while (!timers_.empty() && timers_.begin()->at <= now) {
    const Timer timer = std::move(timers_.extract(timers_.begin()).value());
    fire(timer, turn);
  }
}

void IngestCore::fire(const Timer& timer, const Turn& turn) {
  switch (timer.due) {
    case Due::kCall:
      MARK("ingest: parking did not answer in time");
      return answered({timer.id, ParkingFailed{"parking did not answer in time"}}, turn);
    case Due::kQuote: {
      const auto quote = quotes_.find(timer.id);
      if (quote == quotes_.end()) return;
      const Asking asking = quote->second;
      MARK("ingest: a quote did not come in time");
      quotes_.erase(quote);
      return quote_ended(asking, std::nullopt, turn);
    }
    case Due::kSettle:
      return end_row(timer.name, turn);
    case Due::kAnnounce:
      if (Limiter* to = limiter({timer.id})) announce_all(*to, turn);
      return;
    case Due::kAnnouncePage:
      if (Limiter* to = limiter({timer.id})) announce_page(*to, turn);
      return;
    case Due::kSweep:
      return sweep(turn);
    case Due::kForget:
      return forget_names(turn);
    case Due::kCost:
      return cost_late(timer.name, timer.id, turn);
    case Due::kRenew:
      return renew(timer.name, turn);
    case Due::kCredit:
      return no_credit(timer.name, turn);
    case Due::kQueueCall:
      return queue_answered({timer.id}, turn);
    case Due::kList:
      return listed({timer.id, ListFailed{"parking did not answer in time"}}, turn);
    case Due::kStop:
      return stop_key(timer.name, turn);
    case Due::kTold:
      return write_told(timer.name, turn);
    case Due::kControl:
      return control_unheard(timer.id, "a limiter did not answer in time", turn);
  }
}

Instant IngestCore::deadline() const {
  return timers_.empty() ? Instant::never() : timers_.begin()->at;
}

StoreTime IngestCore::wall(Instant now) const {
  if (const auto bounds = clock_.bounds(now)) return bounds->low;
  return wall_.us == 0 ? wall_ : wall_ + (now - wall_learnt_);
}

// ---- limits

std::size_t IngestCore::door_room() const {
  const bool sends = !config_.door_queue.empty();
  if (sends && admissions_.size() >= config_.door_max) return 0;
  return sends ? std::min<std::size_t>(room(), config_.door_max - admissions_.size()) : room();
}

std::size_t IngestCore::room() const {
  const std::size_t open = admissions_.size() + lookings_.size() + copies_.size() +
                           bookings_.size() + listings_.size() + keys_looked_.size() +
                           controls_.size() + limits_asked_.size();
  return draining_ || open >= config_.open_max ? 0 : config_.open_max - open;
}

bool IngestCore::idle() const {
  return admissions_.empty() && lookings_.empty() && copies_.empty() && settling_.empty() &&
         calls_.empty() && bookings_.empty() && listings_.empty() && controls_.empty() &&
         limits_asked_.empty();
}

std::size_t IngestCore::effects_max() const {
  // The worst single call: all copies are given back or offered anew, each with two effects, next
  // to a page of rows for every limiter, and every key moves.
  std::size_t believed = 0;
  for (const auto& [peer, to] : limiters_) believed += to.belief.count();
  return std::size_t{4} * config_.open_max + believed +
         (limiters_.size() + 1) * (std::size_t{config_.read_max} + 2);
}

// ---- parking calls

void IngestCore::park(Call call, Purpose purpose, const Turn& turn) {
  const std::uint64_t call_id = ++last_id_;
  const Instant deadline = turn.now + config_.parking_wait;
  calls_.emplace(call_id, OpenCall{std::move(purpose), deadline});
  at(deadline, Due::kCall, call_id);
  turn.out.push(ParkingCall{call_id, std::move(call)});
}

void IngestCore::answered(const ParkingReply& reply, const Turn& turn) {
  const auto open = calls_.find(reply.call_id);
  if (open == calls_.end()) {
    // Too late for who asked, but a put that was written must be announced like any other.
    if (const auto* put = std::get_if<PutAnswer>(&reply.answer)) {
      MARK("ingest: a put is answered after it was given up");
      announce_key(put->key, turn);
    }
    return;
  }
  const OpenCall call = std::move(open->second);
  calls_.erase(open);
  timers_.erase(Timer{call.deadline, Due::kCall, reply.call_id, {}});
  answer_to(call.purpose, reply.answer, turn);
}

void IngestCore::answer_to(const Purpose& purpose, const ParkingAnswer& answer, const Turn& turn) {
  std::visit(Overloaded{
                 [&](const ForSubmit& to) { submit_answered(to.request_id, answer, turn); },
                 [&](const ForWant& to) { head(to, answer, turn); },
                 [&](const ForSettle& to) { row_settled(to.identity, answer, turn); },
                 [&](const ForDead& to) { dead_row(to.identity, answer, turn); },
                 [&](const ForCopy& to) { copy_put(to.identity, answer, turn); },
                 [&](const ForLookup& to) { looked(to, answer, turn); },
                 [&](const ForCancel& to) { cancel_answered(to, answer, turn); },
                 [&](const ForKey& to) { key_looked(to.request_id, answer, turn); },
                 [&](const ForKeyPage& to) { keys_page(to.ask, answer, turn); },
                 [&](const ForControl& to) { control_parked(to.request_id, answer, turn); },
                 [&](const ForTold& to) { told_parked(to.item, answer, turn); },
                 [&](const ForName& to) { name_ended(to.identity, answer, turn); },
                 [&](const ForPosted&) {
                   const auto* marked = std::get_if<CancelAnswer>(&answer);
                   if (marked != nullptr && marked->row) offer_out_of_turn(*marked->row, turn);
                 },
                 [&](const ForAnnounce& to) { announced_page(to.peer, answer, turn); },
                 [&](const ForSweep&) { swept(answer, turn); },
                 [&](const ForForget&) { names_forgotten(answer, turn); },
                 [&](const ForNobody&) {
                   if (const auto* moved = std::get_if<ReorderAnswer>(&answer)) {
                     announce_key(moved->key, turn);
                   }
                 },
             },
             purpose);
}

// ---- peers

void IngestCore::peer_up(const wire::PeerUp& up, const Turn& turn) {
  if (up.role == wire::Role::kAuditor) {
    auditors_[up.peer] = up;
    return send_costs_again(turn);
  }
  if (up.role == wire::Role::kLimiter) limiter_up(up, turn);
}

void IngestCore::peer_down(wire::PeerId peer, const Turn& turn) {
  if (auditors_.erase(peer) > 0) return send_costs_again(turn);
  if (limiters_.contains(peer)) limiter_down(peer, turn);
}

void IngestCore::peer_facts(const wire::PeerFacts& facts, const Turn& turn) {
  Limiter* from = limiter(facts.peer);
  if (from == nullptr) return;
  if (facts.round_trip) clock_.hear(*facts.round_trip);
  for (const wire::Credit& credit : facts.credits) {
    if (credit.upstream.empty()) from->offers_max = credit.window;
  }
  if (from->leaves) return;  // it finishes what it has, and nobody counts that any more
  if (from->belief.differs(facts.held_count, facts.held_hash, turn.now)) {
    MARK("ingest: a limiter holds other messages than it should");
    ++counts_.reannounced;
    say_everything_again(*from, turn);
  }
  offer_line(*from, turn);
}

void IngestCore::say_everything_again(Limiter& to, const Turn& turn) {
  for (const auto& [identity, key] : to.belief.keys()) {
    if (!copies_.contains(identity) && owner(key) == &to) ++to.again[key];
  }
  to.belief.forget_all();
  take_back_copies();
  offer_copies(turn);
  announce_all(to, turn);
  offer_more_again(to, turn);
}

// A few keys at a time: a limiter may hold a hundred thousand.
void IngestCore::offer_more_again(Limiter& to, const Turn& turn) {
  while (!to.again.empty() && reading_ < kAgainMax) {
    const auto next = to.again.extract(to.again.begin());
    read_head(ForWant{to.up.peer, 0, next.key(), next.mapped()}, turn);
  }
}

void IngestCore::send_offer(Limiter& to, wire::Offer offer, const Turn& turn) {
  ++counts_.offered;
  offer.envelope.clear();
  to.belief.holds(offer.identity, offer.key);
  turn.out.push(wire::Send{to.up.peer, std::move(offer)});
}

wire::HeartbeatFacts IngestCore::heartbeat(wire::PeerId, Instant) const {
  return {};  // a limiter holds ours, not we its; ingest takes nothing on credit from its peers
}

}  // namespace sluice::ingest
