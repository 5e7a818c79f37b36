#include "tests/limiter/core_world.h"

#include <algorithm>

#include "lib/base/check.h"

namespace sluice::limiter::testing {

namespace {

constexpr std::uint32_t kTicksAtOnce = 20'000;

StoreConfig store_config(const Config& config) {
  StoreConfig store;
  store.upstreams = config.upstreams;
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

std::string World::left() const {
  std::string text;
  const auto say = [&](const std::string& identity, const char* where) {
    text += std::string("\n") + where + " of " + key_of_.at(identity) + ": ";
    const auto why = core_->explain(identity, now_);
    if (!why) {
      text += "not here";
      return;
    }
    text += "state " + std::to_string(static_cast<int>(why->state)) + ", why " +
            std::to_string(static_cast<int>(why->why)) + " " + why->limit + ", position " +
            std::to_string(why->position) + ", until " +
            std::to_string((why->until - store_now()).us / 1000) + " ms";
  };
  for (const auto& [identity, place] : rows_) say(identity, "row");
  for (const auto& [identity, copy] : queue_) say(identity, "copy");
  return text;
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
