// Why does it wait, and since when for us? (P9)
#include <algorithm>
#include <utility>

#include "limiter/core.h"
#include "limiter/reopening.h"

namespace sluice::limiter {

std::optional<Explanation> LimiterCore::explain(const std::string& identity, Instant now) const {
  const Message* message = find(identity);
  if (message == nullptr) return std::nullopt;
  const Key& key = *message->key;
  Explanation explained;
  explained.state = message->state;
  if (message->state != State::kWaiting) {
    explained.why = wire::Wait::kUnderway;
    if (message->flight) explained.until = message->flight->lease_end;
    return explained;
  }
  explained.position = key.line.position_of(*message);
  const auto known = bounds(now);
  if (known && message->ready_at > known->low) {
    const bool wanted = message->ready_at <= message->offer.not_before;
    explained.why = wanted ? wire::Wait::kNotBefore : wire::Wait::kBackoff;
    explained.until = message->ready_at;
  } else if (explained.position > 0) {
    explained.why = wire::Wait::kBehind;
    explained.until = key.until;
  } else {
    explain_head(key, now, explained);
  }
  return explained;
}

void LimiterCore::explain_head(const Key& key, Instant now, Explanation& explained) const {
  const Shard& shard = *key.shard;
  if (const auto refusal = gate(key, now)) {
    explained.why = refusal->why;
    explained.until = refusal->until;
    if (key.ask_at > now && refusal->why == key.why) explained.limit = key.limit;
    return;
  }
  explained.why = shard_gate(shard, now);
  if (explained.why == shard.limit_why && explained.why != wire::Wait::kNone) {
    explained.until = shard.limit_until;
    explained.limit = shard.limit;
  }
  if (explained.why == wire::Wait::kNone) explained.why = peers_.room(shard.upstream->name).why;
}

std::array<std::size_t, 19> LimiterCore::waiting(Instant now) const {
  std::array<std::size_t, 19> by_reason{};
  for (const Key* key : keys_) {
    if (key->line.empty()) continue;
    const auto head = explain(key->line.first()->offer.identity, now);
    if (head) ++by_reason[std::min<std::size_t>(static_cast<std::size_t>(head->why), 18)];
    by_reason[static_cast<std::size_t>(wire::Wait::kBehind)] += key->line.size() - 1;
  }
  return by_reason;
}

// Of what waits, by the name that its producer gave it. For people: every message is looked at.
std::optional<Explained> LimiterCore::explain_id(const std::string& id, Instant now) const {
  const Message* found = nullptr;
  for (const auto& message : messages_) {
    if (message->offer.letter.id() == id && (found == nullptr || found->state == State::kEnding)) {
      found = message.get();
    }
  }
  if (found == nullptr) return std::nullopt;
  return explain_message(*found->key, found, now);
}

std::optional<Explained> LimiterCore::explain_key(const std::string& name, Instant now) {
  for (auto& [upstream, shard] : shards_) {
    if (const Key* key = find_or_recall(shard, name)) {
      return explain_message(*key, key->line.first(), now);
    }
  }
  return std::nullopt;
}

std::set<std::string> LimiterCore::awaited() const {
  std::set<std::string> stores;
  for (const auto& [name, shard] : shards_) {
    const auto missing = shard.opening.awaited(config_.ingest_stores);
    stores.insert(missing.begin(), missing.end());
  }
  return stores;
}

Explained LimiterCore::explain_message(const Key& key, const Message* message, Instant now) const {
  Explained explained;
  explained.upstream = key.shard->upstream->name;
  explained.key = key.name;
  explained.in_line = key.line.size();
  explained.under_way = open_attempts(key);
  explained.more = std::any_of(key.rows.stores().begin(), key.rows.stores().end(),
                               [](const Rows::Store& store) { return store.more; });
  if (const auto hold = gate(key, now)) explained.key_why = hold->why;
  explained.upstream_why = what_stops(*key.shard, now);
  explained.awaited = key.shard->opening.awaited(config_.ingest_stores);
  for (const Message* other : key.out) {
    if (other != message && other->state != State::kEnding)
      explained.ahead.emplace_back(other->offer.letter.id());
  }
  explained.before = explained.ahead.size();
  if (message == nullptr) return explained;
  explained.id = message->offer.letter.id();
  explained.attempts = message->attempts;
  explained.ready_at = std::max(message->ready_at, message->offer.not_before);
  explained.order = key.line.size();
  if (const auto why = explain(message->offer.identity, now)) explained.message = *why;
  if (message->state != State::kWaiting) {
    explained.ahead.clear();
    explained.before = 0;
    return explained;
  }
  explained.order = explained.message.position;
  explained.before += explained.order;
  key.line.each_before(*message, [&](const Message& other) {
    if (explained.ahead.size() < kAheadNamed) explained.ahead.emplace_back(other.offer.letter.id());
  });
  return explained;
}

// When it would go, from what the store knows of its key now.
void LimiterCore::foretell(Explained& explained, const KeyState& state, Instant now) {
  const auto shard = shards_.find(explained.upstream);
  const auto known = bounds(now);
  if (shard == shards_.end() || !known || is_unknowable(explained.upstream_why)) return;
  const Key* key = find_or_recall(shard->second, explained.key);
  if (key == nullptr) return;
  auto foreseen = foresee(*key, state, *known);
  auto* forecast = std::get_if<Forecast>(&foreseen);
  if (forecast == nullptr) return;
  const Forecast::Departure departure = forecast->departure(explained.order);
  explained.now = known->high;
  explained.departs_at = std::max(departure.at, known->high);
  explained.departs_at = std::max(explained.departs_at, explained.ready_at);
  explained.remaining = forecast->remaining();
  explained.one_at_a_time = state.one_at_a_time;
  const auto& limits = shard->second.upstream->limits;
  for (std::size_t i = 0; i < std::min(limits.size(), state.limits.size()); ++i) {
    const Tightened& tight = state.limits[i];
    const std::uint32_t n = std::min(tight.n, limits[i].n - std::min(limits[i].n, tight.held));
    if (n >= limits[i].n || limits[i].shadow) continue;
    const StoreTime changes = next_change(tight);
    explained.tight.push_back(
        {limits[i].name, n, limits[i].n, changes < StoreTime::never() ? changes : StoreTime{}});
  }
  if (departure.at <= known->high) return;
  explained.forecast_why = departure.why;
  explained.limit = forecast->name_of(departure);
}

std::vector<std::string> LimiterCore::upstreams() const {
  std::vector<std::string> names;
  for (const auto& [name, shard] : shards_) names.push_back(name);
  return names;
}

// ---- what outcomes alone cannot tell the auditor

// Does it wait for one of our own processes, and for nothing of its upstream?
bool LimiterCore::is_ours(wire::Wait why) {
  return why == wire::Wait::kNone || why == wire::Wait::kNoDispatcher ||
         why == wire::Wait::kStoreDown || why == wire::Wait::kAuditorAway ||
         why == wire::Wait::kClockUnsure;
}

// Could it go if only we were all there? Then nothing of its key, its limits or its upstream keeps
// it.
bool LimiterCore::is_for_us(const Shard& shard, Instant now) const {
  return is_ours(shard_gate(shard, now)) && is_ours(what_stops(shard, now));
}

// Since when nothing but ourselves keeps it. Asked of what nothing else keeps now.
StoreTime LimiterCore::could_go_at(const Message& message,
                                   const std::optional<StoreBounds>& known) {
  const Key& key = *message.key;
  const Shard& shard = *key.shard;
  const StoreTime since = std::max({message.offer.first_seen, message.offer.not_before,
                                    message.ready_at, key.until, key.freed_at, shard.kept_until});
  if (!known) return since;
  const StoreTime low = known->low;
  StoreTime kept = std::max(key.holds.ended_at(low), shard.holds.ended_at(low));
  if (shard.limit_until <= low) kept = std::max(kept, shard.limit_until);
  return std::max(message.offer.first_seen, std::min(known->high, std::max(since, kept)));
}

wire::Backlog LimiterCore::backlog(Instant now) const {
  wire::Backlog backlog;
  const auto known = bounds(now);
  for (const auto& [name, shard] : shards_) {
    const bool for_us = is_for_us(shard, now);
    for (const auto& key : shard.keys) {
      if (!for_us || !key->due) continue;
      const Line::Next next = key->line.next(known ? known->low : StoreTime{}, key->skip);
      if (next.message == nullptr) continue;
      const StoreTime since = could_go_at(*next.message, known);
      if (backlog.held_since.us == 0 || since < backlog.held_since) backlog.held_since = since;
    }
  }
  return backlog;
}

void LimiterCore::say_backlog(const Turn& turn) {
  backlog_due_ = turn.now + config_.backlog_every;
  if (const auto auditor = peers_.auditor()) send(*auditor, backlog(turn.now), turn);
}

}  // namespace sluice::limiter
