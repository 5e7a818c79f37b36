// May they go? Gates in the order hold, breaker, dispatcher credit, limits, so that no slot is
// spent on what cannot go (design 4 step 2).
#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/mark.h"
#include "limiter/core.h"
#include "limiter/in_flight.h"

namespace sluice::limiter {

namespace {

std::uint32_t weight_of(const Message& message) {
  return std::max<std::uint32_t>(1, message.offer.weight);
}

}  // namespace

// Looks at one key after anything of it has changed: who has expired, which rows to ask for, may
// its head go, and if not, when to look again.
void LimiterCore::plan(Key& key, const Turn& turn) {
  key.dirty = false;
  const auto known = bounds(turn.now);
  const StoreTime low = known ? known->low : StoreTime{};
  if (known && key.line.expires_from() <= low) {
    for (Message* message : key.line.expired(low)) {
      MARK("limiter: a message expires in its line");
      take_out(*message);
      out_of_turn(*message);
    }
  }
  if (key.foreseen && key.foreseen->at + config_.forecast_age_max <= turn.now) key.foreseen.reset();
  const auto refusal = gate(key, turn.now);
  key.asleep =
      refusal && known && refusal->why != wire::Wait::kInFlight && is_far(*refusal, *known);
  if (key.asleep) park_copies(key, refusal->why, turn);
  overflow(key, turn);
  say_wants(key, turn);
  Instant wake = draining_ ? Instant::never() : key.rows.next(view(key), config_);
  if (!key.line.empty()) wake = std::min(wake, when(key.line.expires_from(), turn.now));
  if (key.foreseen) wake = std::min(wake, key.foreseen->at + config_.forecast_age_max);
  if (const auto hold = key.holds.refusal(low); hold && hold->until.us != 0) {
    wake = std::min(wake, when(hold->until, turn.now));  // it may be all that there is of the key
  }
  if (!key.due && !key.line.empty()) wake = std::min(wake, turn_of(key, refusal, turn.now));
  key_timers_.set(Numbered(key), key.wakes_at, std::min(wake, Instant::never()));
  forget_if_empty(key, turn.now);
}

// Puts the key into its shard's turn, or says when it may be.
Instant LimiterCore::turn_of(Key& key, const std::optional<Refusal>& refusal, Instant now) {
  if (refusal) {
    if (refusal->why == wire::Wait::kInFlight && key.ask_at <= now) return Instant::never();
    const Instant opens = refusal->until.us == 0 ? Instant::never() : when(refusal->until, now);
    const Instant again = std::min(opens, now + config_.ask_latest);
    return std::max(now + milliseconds(1), key.ask_at > now ? key.ask_at : again);
  }
  const auto known = bounds(now);
  const StoreTime low = known ? known->low : StoreTime{};
  Line::Next next = key.line.next(low, key.skip);
  if (next.message == nullptr && key.skip > 0) {
    MARK("limiter: all messages of a key were passed over");
    key.skip = 0;
    next = key.line.next(low);
  }
  if (next.message == nullptr) return when(next.ready_at, now);
  key.due = true;
  if (config_.mutations.turns_not_taken) {
    key.standing.round = 1, key.standing.place = {1, key.number};
    Turns<Key>::keep(key.standing);
  }
  key.shard->due.enter(key, key.standing, cost_of(*next.message), weight_of(*next.message));
  key.shard->look = true;
  return Instant::never();
}

// What closes this key: a penalty or a pause, its own or the whole upstream's.
std::optional<Refusal> LimiterCore::closed(const Key& key, StoreTime low) const {
  const auto hold = longer(key.holds.refusal(low), key.shard->holds.refusal(low));
  if (config_.mutations.pause_not_held && hold && hold->why == wire::Wait::kPaused) return {};
  return hold;
}

std::uint32_t LimiterCore::open_attempts(const Key& key) {
  return static_cast<std::uint32_t>(
      std::count_if(key.out.begin(), key.out.end(), [](const Message* message) {
        return message->state == State::kUnderway || message->state == State::kCompleting;
      }));
}

// As the store counts them. After a warning: one, until one succeeds; if that was not one that the
// store means, it refuses. One as well where something goes in order.
std::uint32_t LimiterCore::in_flight(const Key& key) const {
  const bool warned = key.warned && !config_.mutations.crowds_after_warning;
  const bool alone = warned || key.in_order > 0;
  return alone ? 1 : in_flight_per_key(*key.shard->upstream, key.shard->latency);
}

// One question at a time: two on their way could be answered in either order, and the later row
// would take the slot of the earlier one. Of what goes in order nothing is asked for either before
// it is known what became of the one before it.
bool LimiterCore::is_busy(const Key& key) const {
  const bool asked = std::any_of(key.out.begin(), key.out.end(), [](const Message* message) {
    const bool lost = message->offer.in_order && message->state == State::kQueued;
    return lost || message->state == State::kAsked;
  });
  return asked || open_attempts(key) >= in_flight(key);
}

// Why the head of this key is not to be asked for now, apart from its shard's reasons.
std::optional<Refusal> LimiterCore::gate(const Key& key, Instant now) const {
  const auto known = bounds(now);
  if (known && !config_.mutations.penalty_not_held) {
    if (const auto hold = closed(key, known->low)) return hold;
  }
  if (is_busy(key)) return Refusal{wire::Wait::kInFlight, StoreTime{}};
  if (key.ask_at > now) return Refusal{key.why, key.until};
  return std::nullopt;
}

// Why nothing of this upstream goes now, apart from dispatchers' room.
wire::Wait LimiterCore::shard_gate(const Shard& shard, Instant now) const {
  if (draining_) return wire::Wait::kNoDispatcher;
  if (unrecorded_room() == 0) return wire::Wait::kAuditorAway;
  const auto known = caller(now);
  if (!known) return store_up_ ? wire::Wait::kClockUnsure : wire::Wait::kStoreDown;
  if (!store_up_) return wire::Wait::kStoreDown;
  if (shard.doubted != Instant::never()) return wire::Wait::kClockUnsure;
  if (shard.opening.unheard()) return wire::Wait::kStoreDown;
  if (!shard.opening.open() && !config_.mutations.opens_unheard) return wire::Wait::kClosure;
  const bool full = shard.limit_until > known->bounds.low && shard.limit_again > now;
  const bool limited = full || shard.crowded_until > now;
  return limited ? shard.limit_why : wire::Wait::kNone;
}

// How many may be asked for: every attempt, and every ask, brings a line for the trail.
std::size_t LimiterCore::unrecorded_room() const {
  const std::size_t taken = trail_.size() + underway_ + asked_;
  return config_.unrecorded_max - std::min(config_.unrecorded_max, taken);
}

// Room for lines of the trail is shared by all upstreams: each time another one comes first.
void LimiterCore::grant_all(const Turn& turn) {
  if (shards_.empty()) return;
  first_shard_ = (first_shard_ + 1) % shards_.size();
  auto at = std::next(shards_.begin(), static_cast<std::ptrdiff_t>(first_shard_));
  for (std::size_t n = 0; n < shards_.size(); ++n, ++at) {
    if (at == shards_.end()) at = shards_.begin();
    Shard& shard = at->second;
    if (shard.look || turn.now >= shard.look_at) grant(shard, turn);
  }
}

void LimiterCore::grant(Shard& shard, const Turn& turn) {
  shard.look = false;
  shard.look_at = Instant::never();
  if (shard.due.empty() && shard.out_of_turn.empty()) return;
  shard.why = shard_gate(shard, turn.now);
  const bool limited = shard.why != wire::Wait::kNone && shard.why == shard.limit_why;
  if (shard.why != wire::Wait::kNone && !limited) {
    MARK("limiter: nothing of an upstream may go, whatever its limits");
    if (!draining_) shard.look_at = turn.now + config_.look_again;
    return;
  }
  const auto from = caller(turn.now);
  if (!from) return;
  Grant call{*from, {}};
  call.caller.limits_version = shard.limits_version;
  if (turn.now >= shard.ends_at) ask_out_of_turn(shard, call);
  if (limited) {
    const Instant opens = std::min(when(shard.limit_until, turn.now), shard.limit_again);
    shard.look_at = std::max(opens, shard.crowded_until);
  } else if (!has_shared(shard) || shard.asking == 0) {
    ask_in_turn(shard, call, turn);
  }
  if (!shard.out_of_turn.empty()) shard.look_at = std::min(shard.look_at, shard.ends_at);
  if (call.asks.empty()) return;
  ++shard.asking;
  say(std::move(call), turn);
}

void LimiterCore::ask_out_of_turn(Shard& shard, Grant& call) {
  const std::size_t most = std::min(config_.batch_max, unrecorded_room());
  while (!shard.out_of_turn.empty() && call.asks.size() < most) {
    Message& message = *shard.out_of_turn.front();
    shard.out_of_turn.pop_front();
    ask_for(message, peers_.room(shard.upstream->name).life, call);
  }
  if (shard.out_of_turn.empty()) return;
  MARK("limiter: more is out of turn than one question takes");
  shard.look = true;
}

bool LimiterCore::has_shared(const Shard& shard) {
  const auto& limits = shard.upstream->limits;
  return std::any_of(limits.begin(), limits.end(),
                     [](const Limit& limit) { return limit.scope == LimitScope::kUpstream; });
}

// Keys take turns. When a limit is shared by all keys, few are asked for at once, and no more
// before the answer: the first refusal tells when it opens, and the rest need not ask. Only those
// of one round: who goes may stand in it again, before the next. And none together with a dearer
// one before it: what is refused to that one would be spent by this.
void LimiterCore::ask_in_turn(Shard& shard, Grant& call, const Turn& turn) {
  const bool shared = has_shared(shard);
  const std::size_t most =
      std::min(shared ? shard.batch : config_.batch_max, call.asks.size() + unrecorded_room());
  std::uint32_t dearest = 0;
  std::uint64_t round = 0;
  while (!shard.due.empty()) {
    if (call.asks.size() >= most) {
      MARK("limiter: a question to the store is full");
      shard.look = !shared;  // a shared limit's answers say whether to go on
      shard.look_at = turn.now + config_.look_again;
      return;
    }
    const Peers::Room room = peers_.room(shard.upstream->name);
    if (room.life == 0) {
      MARK("limiter: no dispatcher has room");
      shard.why = room.why;
      if (!is_ours(room.why)) shard.kept_until = call.caller.bounds.high;
      shard.look_at = turn.now + config_.look_again;
      return;
    }
    Key& key = shard.due.front();
    const bool open = !gate(key, turn.now);
    const Line::Next next = key.line.next(call.caller.bounds.low, key.skip);
    const bool goes = open && next.message != nullptr;
    const bool later = shard.due.front_round() > round;
    if (shared && goes && round > 0 && (later || cost_of(*next.message) < dearest)) return;
    if (goes && round == 0) round = shard.due.front_round();
    shard.due.pop_front();
    key.due = false;
    touch(key);
    if (!open) MARK("limiter: a key was closed between its turn and its question");
    if (!goes) continue;
    dearest = std::max(dearest, cost_of(*next.message));
    take_out(*next.message);
    ask_for(*next.message, room.life, call);
  }
}

GrantAsk LimiterCore::make_ask(const Message& message, const Caller& caller,
                               std::uint64_t dispatcher_life) const {
  const Offered& offer = message.offer;
  GrantAsk ask;
  ask.line.source = offer.letter.source();
  ask.line.key = message.key->name;
  ask.line.id = offer.letter.id();
  ask.line.generation = offer.generation;
  ask.line.identity = offer.identity;
  ask.line.content_hash = offer.letter.content_hash();
  ask.line.upstream = message.key->shard->upstream->name;
  ask.line.path = offer.letter.bare_path();
  ask.line.method = offer.letter.method();
  ask.line.could_go_at = could_go_at(message, caller.bounds);
  ask.line.limits_version = message.key->shard->limits_version;
  ask.line.limiter_life = config_.life;
  ask.line.dispatcher_life = dispatcher_life;
  ask.line.traceparent = offer.letter.traceparent();
  ask.offered_before = offer.offered_before;
  ask.cancelled = offer.cancelled;
  ask.first_seen = offer.first_seen;
  ask.not_before = offer.not_before;
  ask.expires_at = offer.expires_at;
  ask.cost = cost_of(message);
  ask.keep_answer = offer.keep_answer;
  ask.attempts = offer.attempts;
  ask.throttles = offer.throttles;
  ask.dispatcher_life = dispatcher_life;
  return ask;
}

void LimiterCore::ask_for(Message& message, std::uint64_t dispatcher_life, Grant& call) {
  CHECK(message.flight == nullptr && message.reserved_at == 0);
  message.state = State::kAsked;
  message.completed_serial = 0;
  message.reserved_at = dispatcher_life;
  if (dispatcher_life != 0) peers_.reserve(dispatcher_life, message.key->shard->upstream->name);
  call.asks.push_back(make_ask(message, call.caller, dispatcher_life));
  ++asked_;
}

}  // namespace sluice::limiter
