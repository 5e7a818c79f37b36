// When would it go? Every waiting message is explained (P9).
#include <algorithm>
#include <utility>

#include "lib/base/mark.h"
#include "limiter/core.h"
#include "limiter/in_flight.h"

namespace sluice::limiter {

// Reasons that no forecast can see through.
bool LimiterCore::is_unknowable(wire::Wait why) {
  return why == wire::Wait::kBreaker || why == wire::Wait::kNoDispatcher ||
         why == wire::Wait::kStoreDown || why == wire::Wait::kAuditorAway ||
         why == wire::Wait::kClockUnsure || why == wire::Wait::kClosure;
}

wire::Wait LimiterCore::what_stops(const Shard& shard, Instant now) const {
  const wire::Wait why = shard_gate(shard, now);
  const auto known = bounds(now);
  const bool lasts = known && shard.opening.closure() > known->low;
  // A closure that is over and kept up, for announcements, ends nobody knows when.
  if (is_unknowable(why) && !(why == wire::Wait::kClosure && lasts)) return why;
  return peers_.room(shard.upstream->name).why;
}

void LimiterCore::item(wire::PeerId peer, const wire::Quote& quote, const Turn& turn) {
  ++counts_.quotes;
  Shard* shard = shard_of(quote.upstream);
  const Asker asker{peer, quote};
  if (shard == nullptr) return answer_unknown(asker, wire::Wait::kUnloaded, turn);
  if (const auto why = what_stops(*shard, turn.now); is_unknowable(why)) {
    MARK("limiter: a quote when no forecast can be made");
    return answer_unknown(asker, why, turn);
  }
  Key& key = key_of(*shard, quote.key);
  if (key.foreseen && key.foreseen->at + config_.forecast_age_max > turn.now) {
    MARK("limiter: a quote from a forecast made before");
    answer_quote(key, asker, turn);
    return;
  }
  key.askers.push_back(asker);
  if (key.peeking) return;
  key.peeking = true;
  shard->to_peek.push_back(&key);
}

// From what the store knows of the key; or why no time can be named: a person closed it.
std::variant<Forecast, wire::Wait> LimiterCore::foresee(const Key& key, const KeyState& state,
                                                        const StoreBounds& known) const {
  const Shard& shard = *key.shard;
  auto hold = closed(key, known.low);
  if (state.closed_until > known.low) {
    hold = longer(hold, Refusal{wire::Wait::kClosure, state.closed_until});
  }
  hold = longer(hold, refusal_of(state.holds, known.low));
  if (hold && hold->until.us == 0) return hold->why;
  const Upstream& upstream = *shard.upstream;
  const std::uint32_t in_flight = key.in_order > 0 ? 1 : in_flight_per_key(upstream, shard.latency);
  const Forecast::Pace pace{stated_latency(upstream, shard.latency, in_flight), in_flight};
  return Forecast(upstream, state, {known.high, hold.value_or(Refusal{}), pace});
}

void LimiterCore::peeked(const Peek& call, const PeekReply& reply, const Turn& turn) {
  Shard* shard = shard_of(call.upstream);
  if (shard != nullptr && is_mark(call)) {
    return mark_peeked(*shard, reply.keys.empty() ? nullptr : &reply.keys.front());
  }
  for (std::size_t i = 0; shard != nullptr && i < call.keys.size(); ++i) {
    Key* key = find_key(*shard, call.keys[i]);
    if (key == nullptr) continue;
    key->peeking = false;
    touch(*key);
    const auto known = bounds(turn.now);
    if (i >= reply.keys.size() || !known) {
      answer_askers(*key, wire::Wait::kClockUnsure, turn);
      continue;
    }
    auto foreseen = foresee(*key, reply.keys[i], *known);
    if (const auto* why = std::get_if<wire::Wait>(&foreseen)) {
      MARK("limiter: a quote for a key that a person has closed");
      answer_askers(*key, *why, turn);
      continue;
    }
    key->foreseen =
        std::make_unique<Foreseen>(Foreseen{std::move(std::get<Forecast>(foreseen)), turn.now});
    learn_departure(*key);
    touch(*key);
    for (const Asker& asker : std::exchange(key->askers, {})) answer_quote(*key, asker, turn);
  }
}

// The store did not answer, or the key is closed by a person: no time can be named.
void LimiterCore::answer_askers(Key& key, wire::Wait why, const Turn& turn) {
  for (const Asker& asker : std::exchange(key.askers, {})) answer_unknown(asker, why, turn);
}

// What costs more than a whole window lets through would only be accepted to die; by which limit?
// Settings may be older than what people have said since: only the store knows.
void LimiterCore::say_cost_max(const wire::Quote& quote, wire::Quoted& quoted) {
  const Shard* shard = shard_of(quote.upstream);
  if (shard == nullptr || !shard->limits_known) return;
  for (const Limit& limit : shard->upstream->limits) {
    if (limit.shadow || (quoted.cost_max != 0 && limit.n >= quoted.cost_max)) continue;
    quoted.cost_max = limit.n;
    if (quote.cost > limit.n) quoted.limit = limit.name;
  }
}

void LimiterCore::answer_unknown(const Asker& asker, wire::Wait why, const Turn& turn) {
  wire::Quoted quoted;
  quoted.quote_id = asker.quote.quote_id;
  quoted.why = why;
  quoted.position = asker.quote.ahead;
  say_cost_max(asker.quote, quoted);
  if (const auto known = bounds(turn.now)) quoted.now = known->high;
  send(asker.peer, quoted, turn);
}

void LimiterCore::forget_peek(const Peek& peek, const Turn& turn) {
  Shard* shard = shard_of(peek.upstream);
  if (shard != nullptr && is_mark(peek)) return mark_peeked(*shard, nullptr);
  for (const std::string& name : peek.keys) {
    Key* key = shard == nullptr ? nullptr : find_key(*shard, name);
    if (key == nullptr) continue;
    key->peeking = false;
    touch(*key);
    MARK("limiter: the store did not answer a quote");
    answer_askers(*key, wire::Wait::kStoreDown, turn);
  }
}

// Other limits hold than are known here. They were asked for with this answer, and whoever asked
// for a forecast has it when they are there: nothing is down.
void LimiterCore::peek_after_limits(const Peek& peek, const Turn& turn) {
  Shard* shard = shard_of(peek.upstream);
  if (shard == nullptr || !shard->limits_asked || is_mark(peek)) return forget_peek(peek, turn);
  for (const std::string& name : peek.keys) {
    Key* key = find_key(*shard, name);
    if (key == nullptr) continue;
    key->peeking = false;
    touch(*key);
  }
}

void LimiterCore::peek_for_askers(Shard& shard) {
  for (Key* key : keys_) {
    if (key->shard != &shard || key->askers.empty() || std::exchange(key->peeking, true)) continue;
    shard.to_peek.push_back(key);
  }
}

// Messages of the key that ingest counts among those before it, and that the store's logs count
// already: under way, being recorded, or told and not forgotten yet.
std::uint64_t LimiterCore::in_logs(const Key& key) const {
  const auto gone = std::count_if(key.out.begin(), key.out.end(), [&](const Message* message) {
    const bool went = message->state == State::kUnderway || message->state == State::kCompleting ||
                      message->state == State::kEnding;
    return went && !message->rowless && !told_key_.contains(message->offer.identity);
  });
  return static_cast<std::uint64_t>(gone) + key.told;
}

// The asker knows the rows of its own store; the others' are as many as they announced. Of what
// stands in the middle of its own it is taken to stand as far in the others'.
std::uint64_t LimiterCore::ahead_of(const Key& key, const Asker& asker) const {
  const IngestPeer* ingest = peers_.ingest(asker.peer);
  std::uint64_t own = 0;
  std::uint64_t others = 0;
  for (const Rows::Store& store : key.rows.stores()) {
    (ingest != nullptr && ingest->stores.contains(store.name) ? own : others) += store.count;
  }
  const std::uint64_t ahead = asker.quote.ahead;
  const std::uint64_t all = ahead + (ahead < own ? others * ahead / own : others);
  return all - std::min(all, in_logs(key));
}

void LimiterCore::answer_quote(Key& key, const Asker& asker, const Turn& turn) {
  const wire::Quote& quote = asker.quote;
  Forecast& forecast = key.foreseen->forecast;
  const auto known = bounds(turn.now);
  if (!known) return answer_unknown(asker, wire::Wait::kClockUnsure, turn);
  std::uint64_t ahead = ahead_of(key, asker);
  const Message* message = quote.identity.empty() ? nullptr : find(quote.identity);
  if (message != nullptr && message->state == State::kWaiting) {
    ahead = key.line.position_of(*message);
  }
  const Forecast::Departure departure = forecast.departure(ahead);
  wire::Quoted quoted;
  quoted.quote_id = quote.quote_id;
  quoted.now = known->high;
  quoted.position = ahead;
  quoted.departs_at = std::max({departure.at, known->high, quote.not_before});
  quoted.why = departure.at <= known->high ? wire::Wait::kNone : departure.why;
  if (quote.not_before > std::max(departure.at, known->high)) quoted.why = wire::Wait::kNotBefore;
  if (!forecast.limits().empty()) {
    const Limit& limit = forecast.policy(departure);
    quoted.limit = limit.name;
    quoted.quota = limit.n;
    quoted.window = limit.window;
    const std::uint64_t free = forecast.remaining();
    quoted.remaining = static_cast<std::uint32_t>(free > ahead + 1 ? free - ahead - 1 : 0);
    const bool goes = quoted.why == wire::Wait::kNone;
    const StoreTime more = forecast.departure(goes ? ahead + 1 : ahead).at;
    quoted.reset = std::max(Duration{0}, more - known->high);
  }
  if (!quote.identity.empty()) explain_quoted(message, turn.now, quoted);
  say_cost_max(quote, quoted);
  send(asker.peer, quoted, turn);
}

// For a message that is accepted already, the reason is what keeps it now, not what would.
void LimiterCore::explain_quoted(const Message* message, Instant now, wire::Quoted& quoted) const {
  if (message == nullptr) {
    if (quoted.why == wire::Wait::kNone) quoted.why = wire::Wait::kUnloaded;
    return;
  }
  const auto explained = explain(message->offer.identity, now);
  if (!explained) return;
  if (explained->why != wire::Wait::kNone) quoted.why = explained->why;
  if (message->flight) quoted.departs_at = message->flight->granted_at;
  if (message->state == State::kWaiting) {
    quoted.departs_at = std::max({quoted.departs_at, message->ready_at, message->offer.not_before});
  }
}

}  // namespace sluice::limiter
