#include "limiter/core.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/mark.h"
#include "lib/stage/core.h"

namespace sluice::limiter {

namespace {

constexpr std::size_t kUnknownNamed = 64;  // upstreams that our settings do not have

}  // namespace

static_assert(sluice::Core<LimiterCore>);

std::uint32_t line_max_of(const Upstream& upstream, const Config& config) {
  std::int64_t most = config.line_cap;
  for (const Limit& limit : upstream.limits) {
    if (limit.kind != LimitKind::kRate || limit.shadow) continue;
    most = std::min(most, std::int64_t{limit.n} * config.line_span.us / limit.window.us);
  }
  return static_cast<std::uint32_t>(std::max<std::int64_t>(config.line_min, most));
}

LimiterCore::LimiterCore(Config config, std::uint64_t seed)
    : config_(std::move(config)), prng_(seed) {
  know_upstreams();
}

void LimiterCore::know_upstreams() {
  for (const Upstream& upstream : config_.upstreams) {
    Shard& shard = shards_[upstream.name];
    shard.upstream = &upstream;
    shard.limits_version = sluice::limits_version(upstream.name, upstream.limits);
    shard.line_max = line_max_of(upstream, config_);
  }
  if (clock_of_.empty() && !shards_.empty()) clock_of_ = shards_.begin()->first;
}

void LimiterCore::edit(Config config) {
  for (const auto& [name, shard] : shards_) {
    CHECK(std::any_of(config.upstreams.begin(), config.upstreams.end(),
                      [&, &of = name](const Upstream& one) { return one.name == of; }));
  }
  // Which limits hold, the store knows better than an edited file: it is told, and asked.
  for (Upstream& one : config.upstreams) {
    const Shard* shard = shard_of(one.name);
    if (shard != nullptr && shard->limits_known) one.limits = shard->upstream->limits;
  }
  config.life = config_.life;
  config_ = std::move(config);
  know_upstreams();
  for (auto& [name, shard] : shards_) {
    shard.greet = true;
    rethink(shard);
  }
}

// What the store has is what holds; the version is its word, too. One that goes by limits of before
// those that are known here has forgotten: it is told of them, and decides.
void LimiterCore::adopt(const std::string& upstream, const ShardLimits& limits, const Turn& turn) {
  Shard* shard = shard_of(upstream);
  if (shard == nullptr) return;
  shard->limits_asked = false;
  if (limits.at < shard->limits_at && limits.version != shard->limits_version) {
    MARK("limiter: a store that may have forgotten an edit is told again");
    say(SetLimits{upstream, shard->limits_by, shard->upstream->limits, 0, 0, shard->limits_at},
        turn);
  }
  shard->limits_at = limits.at;
  shard->limits_by = limits.by;
  peek_for_askers(*shard);
  const bool same = limits.version == shard->limits_version;
  if (!std::exchange(shard->limits_known, true) || !same) {
    for (const auto& [peer, up] : peers_.auditors()) limits_out_.tell({peer, upstream});
  }
  if (same) return;
  MARK("limiter: the store has other limits");
  for (Upstream& one : config_.upstreams) {
    if (one.name == upstream) one.limits = limits.limits;
  }
  shard->limits_version = limits.version;
  shard->line_max = line_max_of(*shard->upstream, config_);
  rethink(*shard);
}

// Its limits are others now: whatever was refused is asked for anew.
void LimiterCore::rethink(Shard& shard) {
  shard.limit_until = StoreTime{};
  shard.crowded_until = Instant{};
  shard.look = true;
  for (Key* key : keys_) {
    if (key->shard == &shard) open_again(*key);
  }
}

void LimiterCore::send(wire::PeerId to, wire::Item item, const Turn& turn) {
  turn.out.push(wire::Send{to, std::move(item)});
}

void LimiterCore::accept(const Work& work, Instant now, Out& out) {
  const Turn turn{now, out};
  const auto& from = std::get<wire::FromPeer>(work);
  std::visit([&](const auto& said) { item(from.peer, said, turn); }, from.item);
}

void LimiterCore::complete(const Reply& reply, Instant now, Out& out) {
  const Turn turn{now, out};
  if (const auto* up = std::get_if<wire::PeerUp>(&reply)) peer_up(*up, turn);
  if (const auto* down = std::get_if<wire::PeerDown>(&reply)) peer_down(down->peer, turn);
  if (const auto* facts = std::get_if<wire::PeerFacts>(&reply)) peer_facts(*facts, turn);
  if (const auto* store = std::get_if<StoreReply>(&reply)) answered(*store, turn);
}

// The order matters: what was lost is said again, then time is read, then everything that changed
// is looked at once, and only then is asked what may go.
void LimiterCore::tick(Instant now, Out& out) {
  const Turn turn{now, out};
  say_moved(turn);
  say_calls_again(turn);
  if (now >= clock_due_) ask_clock(turn);
  fire_timers(turn);
  plan_all(turn);
  grant_all(turn);
  say_lines(turn);
  if (peers_.auditor() && now >= backlog_due_) say_backlog(turn);
  for (auto& [name, shard] : shards_) say_batches(shard, turn);
}

void LimiterCore::fire_timers(const Turn& turn) {
  const auto wakes_at = [](Numbered<Key> of) -> Instant& { return of.one->wakes_at; };
  while (const auto key = key_timers_.take_due(turn.now, wakes_at)) touch(*key->one);
  const auto look_at = [](Numbered<Message> of) -> Instant& { return of.one->look_at; };
  while (const auto due = attempt_timers_.take_due(turn.now, look_at)) {
    look_at_attempt(*due->one, turn);
  }
  while (!told_.empty() && told_.front().at + config_.told_for <= turn.now) {
    forgotten_by_ingest(told_.front().identity);
    told_.pop_front();
  }
  give_up_controls(turn);
}

void LimiterCore::plan_all(const Turn& turn) {
  std::vector<Key*> dirty;
  dirty.swap(dirty_);
  for (Key* key : dirty) plan(*key, turn);
  say_queued_wants(turn);
}

void LimiterCore::say_lines(const Turn& turn) {
  const auto auditor = peers_.auditor();
  if (!auditor) return;
  for (wire::Record& line : trail_.take_due(turn.now, config_.record_again, kLinesPerTurn)) {
    send(*auditor, std::move(line), turn);
  }
  say_limits(turn);  // behind the line of an edit, which says it, too
}

void LimiterCore::say_batches(Shard& shard, const Turn& turn) {
  const std::string& upstream = shard.upstream->name;
  if (!shard.completions.empty()) {
    if (auto from = caller(turn.now)) {
      say(Complete{*from, std::exchange(shard.completions, {})}, turn);
    } else {
      MARK("limiter: outcomes wait until store time is known");
      shard.complete_at = turn.now + config_.store_retry;
    }
  }
  if (std::exchange(shard.greet, false)) {
    shard.limits_asked = true;
    say(AskLimits{upstream}, turn);
  }
  if (!shard.opening.open()) look_at_opening(shard, turn);
  if (draining_ || turn.now >= shard.tidy_at || shard.untidy() >= kTidyMost) tidy(shard, turn);
  if (shard.to_peek.empty()) return;
  Peek peek{upstream, {}};
  for (const Key* key : std::exchange(shard.to_peek, {})) peek.keys.push_back(key->name);
  say(std::move(peek), turn);
}

// Nobody waits for these. Said now and then, a message's outbox and its record are mostly written
// together; what a crash loses of it is said again, and the auditor drops what it has.
void LimiterCore::tidy(Shard& shard, const Turn& turn) {
  if (shard.untidy() == 0) return;
  shard.tidy_at = turn.now + config_.tidy_every;
  const std::string& upstream = shard.upstream->name;
  if (!shard.emptied.empty()) say(Emptied{upstream, std::exchange(shard.emptied, {})}, turn);
  if (!shard.forgotten.empty()) say(Forget{upstream, std::exchange(shard.forgotten, {})}, turn);
}

// Frames of peers are always welcome: credit bounds them, and what exceeds it is answered at once
// (Park), never left unread.
std::size_t LimiterCore::room() const { return config_.messages_max; }

Instant LimiterCore::deadline() const {
  if (!dirty_.empty() || look_at_known_ || draining_ != moved_said_) return Instant{};
  Instant next = std::min(
      {calls_.next(config_.store_again), clock_due_, key_timers_.next(), attempt_timers_.next()});
  if (peers_.auditor()) {
    next = std::min({next, trail_.next(config_.record_again), backlog_due_,
                     limits_out_.next(config_.record_again)});
  }
  if (!told_.empty()) next = std::min(next, told_.front().at + config_.told_for);
  for (const auto& [name, shard] : shards_) {
    if (shard.look) return Instant{};
    if (!shard.to_peek.empty() || shard.greet) return Instant{};
    if (shard.untidy() > 0) {
      next = std::min(next, draining_ || shard.untidy() >= kTidyMost ? Instant{} : shard.tidy_at);
    }
    if (!shard.completions.empty()) next = std::min(next, shard.complete_at);
    next = std::min({next, shard.look_at, shard.opening.look_at()});
  }
  for (const auto& [hold, waiting] : controlling_) next = std::min(next, waiting.front().until);
  for (const auto& [id, waiting] : consuming_) next = std::min(next, waiting.until);
  return next;
}

void LimiterCore::drain() {
  draining_ = true;
  for (auto& [name, shard] : shards_) shard.look = true;
  let_all_go();
}

// What waits is not lost by leaving: it is rows and queue copies. What an absent dispatcher has is
// found by our heir in the store.
bool LimiterCore::idle() const {
  if (!draining_ || !moved_said_ || !completing_.empty() || calls_.writes()) return false;
  if (trail_.size() > 0 && peers_.auditor()) return false;
  for (const auto& [name, shard] : shards_) {
    if (!shard.completions.empty() || shard.untidy() > 0) return false;
  }
  return std::none_of(flights_.begin(), flights_.end(),
                      [&](const auto& flight) { return peers_.dispatcher_of(flight.first); });
}

std::size_t LimiterCore::effects_max() const {
  std::size_t words = 0;
  for (const auto& [name, shard] : shards_) words += shard.words.size();
  return 4 * config_.messages_max + 4 * keys_.size() + 2 * words + kLinesPerTurn + 1024;
}

// ---- keys and messages by name -----------------------------------------------------------------

Shard* LimiterCore::shard_of(std::string_view upstream) {
  const auto at = shards_.find(upstream);
  return at == shards_.end() ? nullptr : &at->second;
}

void LimiterCore::unknown_upstream(const std::string& name) {
  auto& known = counts_.unknown_upstreams;
  if (known.size() < kUnknownNamed || known.contains(name)) ++known[name];
}

std::size_t LimiterCore::known_keys() const {
  std::size_t count = 0;
  for (const auto& [upstream, shard] : shards_) {
    for (const auto& [store, keys] : shard.known) count += keys.size();
  }
  return count;
}

Key* LimiterCore::find_key(Shard& shard, const std::string& name) {
  const auto at = shard.keys.find(std::string_view(name));
  return at == shard.keys.end() ? nullptr : at->get();
}

Key& LimiterCore::key_of(Shard& shard, const std::string& name) {
  if (Key* known = find_key(shard, name)) return *known;
  auto made = std::make_unique<Key>();
  Key& key = *made;
  key.number = ++last_key_;
  key.name = name;
  key.shard = &shard;
  if (const wire::Hold* word = shard.words.of(name);
      word != nullptr && word->until != wire::kOpened)
    key.holds.pause(word->until);
  shard.keys.insert(std::move(made));
  key.place = keys_.insert(keys_.end(), &key);
  for (const auto& [store, keys] : shard.known) {
    if (const Known* known = keys.find(name)) recall_known(key, store, *known);
  }
  touch(key);
  return key;
}

// A key that is known comes here; one that is not stays unknown.
Key* LimiterCore::find_or_recall(Shard& shard, const std::string& name) {
  if (Key* key = find_key(shard, name)) return key;
  const bool known = std::any_of(shard.known.begin(), shard.known.end(), [&](const auto& keys) {
    return keys.second.find(name) != nullptr;
  });
  return known ? &key_of(shard, name) : nullptr;
}

void LimiterCore::recall_known(Key& key, const std::string& store, const Known& known) {
  key.rows.know(store, known.rows_count);
  key.freed_at = known.kept_until;
  static_cast<Owed&>(key.standing) = known.owed;
}

// Its Wants wait for their turn, and there is nothing else of it.
void LimiterCore::remember(const Key& key, StoreTime low) {
  for (const Rows::Store& store : key.rows.stores()) {
    Known& known = key.shard->known[store.name].add(key.name);
    known.rows_count = store.count;
    known.kept_until = std::max({key.until, key.freed_at, key.holds.ended_at(low)});
    known.owed = static_cast<const Owed&>(key.standing);
  }
}

void LimiterCore::touch(Key& key) {
  if (key.dirty) return;
  key.dirty = true;
  dirty_.push_back(&key);
}

// Something has changed that forecasts were made of.
void LimiterCore::foresee_anew(Key& key) {
  key.foreseen.reset();
  touch(key);
}

// A hold of the whole upstream: no key goes as it was foreseen.
void LimiterCore::touch_all(Shard& shard) {
  shard.look = true;
  for (Key* key : keys_) {
    if (key->shard == &shard) foresee_anew(*key);
  }
}

// Called by plan() alone, at its end: nobody else holds on to a key then.
void LimiterCore::forget_if_empty(Key& key, Instant now) {
  if (key.messages() > 0 || key.due || key.dirty || key.peeking) return;
  if (!key.askers.empty() || key.told > 0 || key.foreseen) return;
  if (!key.rows.all_wait() || (key.rows.any() && key.warned)) return;
  const auto known = bounds(now);
  if (key.holds.lasts() && (!known || key.holds.refusal(known->low))) return;
  if (key.rows.any()) MARK("limiter: of a key nothing is left but that it has rows");
  remember(key, known ? known->low : StoreTime{});
  key_timers_.clear(Numbered(key), key.wakes_at);
  keys_.erase(key.place);
  key.shard->keys.erase(key.shard->keys.find(std::string_view(key.name)));
}

Message* LimiterCore::find(std::string_view identity) {
  const auto at = messages_.find(identity);
  return at == messages_.end() ? nullptr : at->get();
}

const Message* LimiterCore::find(std::string_view identity) const {
  const auto at = messages_.find(identity);
  return at == messages_.end() ? nullptr : at->get();
}

}  // namespace sluice::limiter
