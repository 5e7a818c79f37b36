#include "tests/limiter/core_world.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/wire/identity.h"

namespace sluice::limiter::testing {

namespace {

constexpr std::size_t kIngests = 2;
constexpr std::size_t kDispatcher = 2;  // the first
constexpr std::size_t kAuditor = 4;
constexpr std::uint32_t kTicksAtOnce = 20'000;

StoreConfig store_config(const Config& config) {
  StoreConfig store;
  store.upstreams = config.upstreams;
  store.limits_version = config.limits_version;
  return store;
}

}  // namespace

World::World(std::uint64_t seed, Config config, WorldFaults faults)
    : prng_(seed),
      config_(std::move(config)),
      faults_(faults),
      store_(store_config(config_)),
      tables_(5) {
  for (const wire::Role role : {wire::Role::kIngest, wire::Role::kIngest, wire::Role::kDispatcher,
                                wire::Role::kDispatcher, wire::Role::kAuditor}) {
    Peer peer;
    peer.role = role;
    peer.name = std::to_string(peers_.size());
    peer.life = ++last_life_;
    peers_.push_back(peer);
  }
  restart_limiter();
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    every(seconds(1), [this, i] { heartbeat(i); });
  }
  for (std::size_t i = 0; i < kIngests; ++i) {
    every(milliseconds(200), [this, i] { poll_queue(i); });
    every(seconds(60), [this, i] { announce_all(i); });
  }
  for (const std::size_t i : {kDispatcher, kDispatcher + 1}) {
    every(seconds(2), [this, i] { say_outcomes(i); });
  }
  arrange(faults_.cut_every, [this] { cut(prng_.below(peers_.size())); });
  arrange(faults_.limiter_dies_every, [this] { restart_limiter(); });
  arrange(faults_.dispatcher_dies_every, [this] { kill_dispatcher(prng_.below(2)); });
  arrange(faults_.ingest_dies_every, [this] { kill_ingest(prng_.below(2)); });
  arrange(faults_.auditor_away_every, [this] {
    auditor(false);
    at(seconds(8), [this] { auditor(true); });
  });
}

// ---- time --------------------------------------------------------------------------------------

void World::at(Duration from_now, std::function<void()> deed) {
  agenda_.emplace(std::pair{now_ + from_now, ++serial_}, std::move(deed));
}

void World::every(Duration span, std::function<void()> deed) {
  at(span, [this, span, deed] {
    deed();
    every(span, deed);
  });
}

void World::arrange(Duration mean, std::function<void()> deed) {
  if (mean.us == 0) return;
  at(prng_.between(mean / 4, mean * 2), [this, mean, deed] {
    if (faults_.cut_every.us >= 0) {
      deed();
      arrange(mean, deed);
    }
  });
}

void World::stop_faults() {
  faults_ = WorldFaults{};
  faults_.cut_every = Duration{-1};
}

void World::step() {
  if (core_ && core_->deadline() <= now_) return perform();
  Instant next = agenda_.begin()->first.first;
  if (core_) next = std::min(next, core_->deadline());
  now_ = std::max(now_, next);
  if (agenda_.begin()->first.first <= now_) {
    const auto deed = std::move(agenda_.begin()->second);
    agenda_.erase(agenda_.begin());
    deed();
  }
  perform();
}

void World::perform() {
  if (!core_) return;
  LimiterCore::Out out;
  std::vector<LimiterCore::Effect> effects;
  for (std::uint32_t n = 0; core_->deadline() <= now_; ++n) {
    CHECK(n < kTicksAtOnce);  // the core asks for ticks without end
    core_->tick(now_, out);
    ++ticks;
    out.take(effects);
    for (const auto& effect : effects) {
      if (const auto* send = std::get_if<wire::Send>(&effect)) to_peer(*send);
      if (const auto* ask = std::get_if<StoreAsk>(&effect)) perform_store(*ask);
    }
  }
}

void World::run_for(Duration span) {
  const Instant end = now_ + span;
  at(span, [] {});
  while (now_ < end) step();
}

bool World::run_until_settled(Duration limit) {
  const Instant end = now_ + limit;
  while (now_ < end) {
    if (unsettled() == 0) return true;
    step();
  }
  return unsettled() == 0;
}

// ---- the limiter and its store -----------------------------------------------------------------

void World::kill_limiter() {
  for (std::size_t i = 0; i < peers_.size(); ++i) disconnect(i);
  core_.reset();
  limiter_life_ = 0;
}

void World::restart_limiter() {
  kill_limiter();
  config_.life = ++last_life_;
  limiter_life_ = config_.life;
  core_ = std::make_unique<LimiterCore>(config_, prng_.next());
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (i != kAuditor || auditor_up) {
      at(prng_.between(milliseconds(1), milliseconds(300)), [this, i] { connect(i); });
    }
  }
}

void World::perform_store(const StoreAsk& ask) {
  const std::uint64_t life = limiter_life_;
  const Instant sent = now_;
  if (prng_.chance(faults_.store_lost_before)) return;
  if (prng_.chance(faults_.store_fails)) {
    StoreReply reply{ask.call_id, StoreFailed{"refused", false}, {}, sent, sent};
    return answer(reply, milliseconds(1), life);
  }
  StoreReply reply = store_.perform(ask, store_now());
  reply.call_id = ask.call_id;
  reply.sent = sent;
  if (prng_.chance(faults_.store_lost_after)) return;
  const Duration after = prng_.chance(faults_.store_late)
                             ? prng_.between(seconds(1), seconds(12))
                             : prng_.between(milliseconds(1), milliseconds(3));
  answer(std::move(reply), after, life);
}

void World::answer(StoreReply reply, Duration after, std::uint64_t life) {
  at(after, [this, reply = std::move(reply), life]() mutable {
    if (life != limiter_life_ || !core_) return;
    reply.received = now_;
    LimiterCore::Out out;
    core_->complete(reply, now_, out);
    std::vector<LimiterCore::Effect> effects;
    out.take(effects);
    for (const auto& effect : effects) {
      if (const auto* send = std::get_if<wire::Send>(&effect)) to_peer(*send);
      if (const auto* ask = std::get_if<StoreAsk>(&effect)) perform_store(*ask);
    }
  });
}

// ---- links -------------------------------------------------------------------------------------

void World::connect(std::size_t i) {
  Peer& peer = peers_[i];
  if (!core_ || !peer.up || peer.id.n != 0) return;
  peer.id = wire::PeerId{++last_peer_};
  ++peer.epoch;
  LimiterCore::Out out;
  core_->complete(wire::PeerUp{peer.id, peer.role, peer.name, peer.life}, now_, out);
  std::vector<LimiterCore::Effect> effects;
  out.take(effects);
  for (const auto& effect : effects) {
    if (const auto* send = std::get_if<wire::Send>(&effect)) to_peer(*send);
    if (const auto* ask = std::get_if<StoreAsk>(&effect)) perform_store(*ask);
  }
  heartbeat(i);
  if (peer.role == wire::Role::kDispatcher) say_outcomes(i);
  if (peer.role != wire::Role::kIngest) return;
  announce_all(i);
  for (auto& [identity, copy] : queue_) {
    if (copy.ingest == static_cast<int>(i) && !copy.putting) to_limiter(i, copy.offer);
  }
}

void World::disconnect(std::size_t i) {
  Peer& peer = peers_[i];
  if (peer.id.n == 0) return;
  const wire::PeerId id = peer.id;
  peer.id = wire::PeerId{};
  ++peer.epoch;
  if (!core_) return;
  LimiterCore::Out out;
  core_->complete(wire::PeerDown{id}, now_, out);
}

void World::cut(std::size_t i) {
  disconnect(i);
  if (i == kAuditor && !auditor_up) return;
  at(prng_.between(milliseconds(50), seconds(3)), [this, i] { connect(i); });
}

void World::to_peer(const wire::Send& send) {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = peers_[i];
    if (peer.id != send.peer || peer.id.n == 0) continue;
    peer.last_to = std::max(peer.last_to, now_ + prng_.between(milliseconds(1), milliseconds(10)));
    at(peer.last_to - now_, [this, i, epoch = peer.epoch, item = send.item] {
      if (peers_[i].epoch != epoch) return;
      if (peers_[i].role == wire::Role::kIngest) ingest_hears(i, item);
      if (peers_[i].role == wire::Role::kDispatcher) dispatcher_hears(i, item);
      if (peers_[i].role == wire::Role::kAuditor) auditor_hears(i, item);
    });
    return;
  }
}

void World::to_limiter(std::size_t i, wire::Item item) {
  Peer& peer = peers_[i];
  if (peer.id.n == 0) return;
  peer.last_from =
      std::max(peer.last_from, now_ + prng_.between(milliseconds(1), milliseconds(10)));
  at(peer.last_from - now_, [this, i, epoch = peer.epoch, item = std::move(item)] {
    if (peers_[i].epoch != epoch || !core_) return;
    LimiterCore::Out out;
    core_->accept(wire::FromPeer{peers_[i].id, item}, now_, out);
    std::vector<LimiterCore::Effect> effects;
    out.take(effects);
    for (const auto& effect : effects) {
      if (const auto* send = std::get_if<wire::Send>(&effect)) to_peer(*send);
      if (const auto* ask = std::get_if<StoreAsk>(&effect)) perform_store(*ask);
    }
  });
}

void World::heartbeat(std::size_t i) {
  Peer& peer = peers_[i];
  if (peer.id.n == 0 || !core_) return;
  wire::PeerFacts facts;
  facts.peer = peer.id;
  if (peer.role == wire::Role::kDispatcher) {
    for (const Upstream& upstream : config_.upstreams) {
      facts.credits.push_back({upstream.name, 64, wire::Wait::kNone});
    }
    Held held;
    for (const auto& [attempt, entry] : tables_[i]) {
      if (entry.limiter_life == limiter_life_ && !entry.completed && !entry.refused) {
        held.add(attempt.identity);
      }
    }
    facts.held_count = held.count;
    facts.held_hash = held.hash;
  }
  LimiterCore::Out out;
  core_->complete(facts, now_, out);
  std::vector<LimiterCore::Effect> effects;
  out.take(effects);
  for (const auto& effect : effects) {
    if (const auto* send = std::get_if<wire::Send>(&effect)) to_peer(*send);
  }
}

// ---- ingest and parking ------------------------------------------------------------------------

wire::Offer World::make(const std::string& key, const std::string& id) {
  wire::Offer offer;
  offer.source = "test";
  offer.key = key;
  offer.id = id;
  offer.identity = wire::identity_of(offer.source, key, id, 0);
  offer.upstream = config_.upstreams.front().name;
  offer.request = {"POST", "/", {}, "{\"id\":\"" + id + "\"}"};
  offer.content_hash = wire::content_hash_of(offer.request);
  offer.store = "p";
  last_order_ = std::max(last_order_ + 1, store_now().us);
  offer.order = last_order_;
  offer.first_seen = store_now();
  offer.expires_at = store_now() + hours(96);
  return offer;
}

void World::post_row(const std::string& key, const std::string& id) { post(make(key, id)); }

void World::post(const wire::Offer& offer) {
  key_of_[offer.identity] = offer.key;
  const Place place{offer.order, offer.identity};
  rows_[offer.identity] = place;
  parking_[offer.key][place] = offer;
  for (std::size_t i = 0; i < kIngests; ++i) announce(i, offer.key);
}

void World::post_copy(const std::string& key, const std::string& id) {
  wire::Offer offer = make(key, id);
  offer.origin = wire::Origin::kQueueCopy;
  key_of_[offer.identity] = key;
  queue_[offer.identity] = Copy{offer, -1, false};
}

void World::announce(std::size_t i, const std::string& key) {
  const auto& rows = parking_[key];
  if (rows.empty()) return;
  const wire::Offer& head = rows.begin()->second;
  to_limiter(i, wire::Parked{"p", key, head.upstream, rows.size(), head.order, {}});
}

void World::announce_all(std::size_t i) {
  for (const auto& [key, rows] : parking_) announce(i, key);
  to_limiter(i, wire::Announced{"p", parking_.size()});
}

void World::poll_queue(std::size_t i) {
  if (!peers_[i].up || peers_[i].id.n == 0) return;
  for (auto& [identity, copy] : queue_) {
    if (copy.ingest >= 0) continue;
    copy.ingest = static_cast<int>(i);
    to_limiter(i, copy.offer);
  }
}

void World::put_into_parking(std::size_t i, const std::string& identity) {
  const auto at_queue = queue_.find(identity);
  if (at_queue == queue_.end() || at_queue->second.putting) return;
  at_queue->second.putting = true;
  at(prng_.between(milliseconds(5), milliseconds(60)), [this, i, identity, epoch = peers_[i].life] {
    const auto copy = queue_.find(identity);
    if (copy == queue_.end() || peers_[i].life != epoch) return;
    wire::Offer row = copy->second.offer;
    queue_.erase(copy);
    if (settled.contains(identity)) return;
    row.origin = wire::Origin::kRow;
    post(row);
  });
}

void World::ingest_hears(std::size_t i, const wire::Item& item) {
  if (const auto* said = std::get_if<wire::Quoted>(&item)) quoted.push_back(*said);
  if (const auto* said = std::get_if<wire::Controlled>(&item)) controlled.push_back(*said);
  if (const auto* said = std::get_if<wire::Settled>(&item)) settle(i, *said);
  if (const auto* park = std::get_if<wire::Park>(&item)) {
    if (park->origin == wire::Origin::kQueueCopy) {
      put_into_parking(i, park->identity);
    } else if (const auto row = rows_.find(park->identity); row != rows_.end() && park->due.us) {
      auto& rows = parking_[park->key];
      wire::Offer offer = rows.at(row->second);
      rows.erase(row->second);
      offer.order = park->due.us;
      row->second = Place{offer.order, offer.identity};
      rows[row->second] = offer;
      announce(i, park->key);
    }
  }
  if (const auto* want = std::get_if<wire::Want>(&item)) {
    ++wants;
    auto& rows = parking_[want->key];
    std::uint32_t n = 0;
    for (auto row = rows.begin(); row != rows.end() && n < want->count; ++row, ++n) {
      wire::Offer offer = row->second;
      offer.want_id = want->want_id;
      row->second.offered_before = true;
      to_limiter(i, offer);
    }
    to_limiter(i, wire::Rows{want->want_id, "p", want->key, n, rows.size() > n});
  }
}

void World::settle(std::size_t i, const wire::Settled& said) {
  if (said.settlement == wire::Settlement::kDelivered &&
      outcomes_recorded_[said.identity].empty()) {
    problem("settled before its outcome was recorded");
  }
  const auto before = settled.find(said.identity);
  if (before != settled.end() && before->second.settlement != said.settlement) {
    problem("settled in two ways");
  }
  settled[said.identity] = said;
  queue_.erase(said.identity);
  if (const auto row = rows_.find(said.identity); row != rows_.end()) {
    parking_[said.key].erase(row->second);
    rows_.erase(row);
  }
  to_limiter(i, wire::Forgotten{said.identity, said.upstream});
}

void World::kill_ingest(std::size_t i) {
  disconnect(i);
  peers_[i].life = ++last_life_;
  for (auto& [identity, copy] : queue_) {
    if (copy.ingest == static_cast<int>(i)) copy = Copy{copy.offer, -1, false};
  }
  at(prng_.between(milliseconds(100), seconds(4)), [this, i] { connect(i); });
}

// ---- dispatcher and upstream -------------------------------------------------------------------

void World::dispatcher_hears(std::size_t i, const wire::Item& item) {
  auto& table = tables_[i];
  if (const auto* dispatch = std::get_if<wire::Dispatch>(&item)) start_attempt(i, *dispatch);
  if (const auto* done = std::get_if<wire::Completed>(&item)) {
    if (const auto entry = table.find(done->attempt); entry != table.end()) {
      entry->second.completed = true;
      if (store_now() >= entry->second.lease_end) table.erase(entry);
    }
  }
  if (const auto* asked = std::get_if<wire::Asked>(&item)) {
    auto [entry, fresh] = table.try_emplace(asked->attempt);
    if (fresh) {
      entry->second.refused = true;
      entry->second.lease_end = asked->lease_end;
      wire::Outcome never;
      never.attempt = asked->attempt;
      never.upstream = asked->upstream;
      never.key = asked->key;
      never.ended = wire::Ended::kNotStarted;
      never.not_started = wire::NotStarted::kNeverSeen;
      never.answered_at = store_now();
      entry->second.outcome = never;
    }
    if (entry->second.outcome) to_limiter(i, *entry->second.outcome);
  }
}

void World::start_attempt(std::size_t i, const wire::Dispatch& dispatch) {
  auto [entry, fresh] = tables_[i].try_emplace(dispatch.attempt);
  if (!fresh) {
    if (!entry->second.refused) problem("one attempt was dispatched twice");
    return;
  }
  entry->second.limiter_life = limiter_life_;
  entry->second.lease_end = dispatch.lease_end;
  wire::Outcome outcome;
  outcome.attempt = dispatch.attempt;
  outcome.upstream = dispatch.upstream;
  outcome.key = dispatch.key;
  if (store_now() >= dispatch.start_by) {
    outcome.ended = wire::Ended::kNotStarted;
    outcome.not_started = wire::NotStarted::kTooLate;
    outcome.answered_at = store_now();
    entry->second.outcome = outcome;
    to_limiter(i, outcome);
    return;
  }
  const std::string& identity = dispatch.attempt.identity;
  arrivals.emplace_back(store_now(), identity);
  if (++attempts[identity] > 1 && settled.contains(identity) &&
      settled[identity].settlement == wire::Settlement::kDelivered) {
    problem("sent again after it was settled");
  }
  outcome.started_at = store_now();
  outcome.status = 200;
  outcome.ended = wire::Ended::kDelivered;
  if (prng_.chance(faults_.outcome_failed)) {
    outcome.status = 500;
    outcome.ended = wire::Ended::kFailed;
  } else if (prng_.chance(faults_.outcome_unknown)) {
    outcome.ended = wire::Ended::kUnknown;
    unknown.insert(identity);
  } else if (prng_.chance(faults_.throttled)) {
    outcome.status = 429;
    outcome.ended = wire::Ended::kThrottled;
    outcome.told_to_wait = true;
    outcome.retry_after = seconds(20);
  }
  if (!upstream_answers) return;
  at(latency, [this, i, outcome, life = peers_[i].life]() mutable {
    if (peers_[i].life != life) {
      unknown.insert(outcome.attempt.identity);
      return;
    }
    outcome.answered_at = store_now();
    outcome.latency = latency;
    if (outcome.ended == wire::Ended::kThrottled) {
      to_limiter(i, wire::Penalty{outcome.upstream, outcome.key, true, outcome.retry_after, false});
    }
    tables_[i][outcome.attempt].outcome = outcome;
    to_limiter(i, outcome);
  });
}

void World::say_outcomes(std::size_t i) {
  for (auto entry = tables_[i].begin(); entry != tables_[i].end();) {
    if (entry->second.completed && store_now() >= entry->second.lease_end) {
      entry = tables_[i].erase(entry);
      continue;
    }
    if (entry->second.outcome && !entry->second.completed) to_limiter(i, *entry->second.outcome);
    ++entry;
  }
}

void World::kill_dispatcher(std::size_t which) {
  const std::size_t i = kDispatcher + which;
  disconnect(i);
  for (const auto& [attempt, entry] : tables_[i]) {
    if (!entry.completed) unknown.insert(attempt.identity);
  }
  tables_[i].clear();
  peers_[i].life = ++last_life_;
  at(prng_.between(milliseconds(100), seconds(4)), [this, i] { connect(i); });
}

// ---- auditor -----------------------------------------------------------------------------------

void World::auditor_hears(std::size_t i, const wire::Item& item) {
  const auto* record = std::get_if<wire::Record>(&item);
  if (record == nullptr) return;
  const bool fresh = recorded_.insert(record->record_id).second;
  if (record->kind == wire::RecordKind::kAttempt || record->kind == wire::RecordKind::kLate) {
    outcomes_recorded_[record->identity].insert(std::to_string(record->serial));
  }
  wire::Recorded said;
  said.record_id = record->record_id;
  said.written = fresh ? wire::Written::kNow : wire::Written::kBefore;
  at(prng_.between(milliseconds(1), milliseconds(8)), [this, i, said, epoch = peers_[i].epoch] {
    if (peers_[i].epoch == epoch) to_limiter(i, said);
  });
}

void World::auditor(bool up) {
  auditor_up = up;
  peers_[kAuditor].up = up;
  if (up) {
    connect(kAuditor);
  } else {
    disconnect(kAuditor);
  }
}

std::size_t World::fullest(const std::string& key, Duration window) const {
  std::vector<StoreTime> times;
  for (const auto& [when, identity] : arrivals) {
    if (key_of_.at(identity) == key) times.push_back(when);
  }
  std::sort(times.begin(), times.end());
  std::size_t most = 0;
  for (std::size_t from = 0, to = 0; to < times.size(); ++to) {
    while (times[to] - times[from] > window) ++from;
    most = std::max(most, to - from + 1);
  }
  return most;
}

}  // namespace sluice::limiter::testing
