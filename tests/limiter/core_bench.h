// The core on a bench: one input at a time, the store answers at once, and everything that it says
// is kept to be looked at.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/wire/identity.h"
#include "limiter/core.h"
#include "limiter/memory_store.h"

namespace sluice::limiter::testing {

class Bench {
 public:
  // `wall_ahead`: how far this machine's wall clock is ahead, where that is of any matter.
  explicit Bench(Config config, bool with_store = true,
                 std::optional<Duration> wall_ahead = std::nullopt)
      : wall_off(wall_ahead),
        store_answers(with_store),
        config_(std::move(config)),
        store_(store_config(config_)) {
    core = std::make_unique<LimiterCore>(config_, 7);
    settle();
  }

  static Config config(std::uint32_t n = 10, Duration window = seconds(60),
                       std::uint32_t burst = 3) {
    Config config;
    Upstream upstream;
    upstream.name = "api";
    upstream.url = "http://127.0.0.1:8090";
    upstream.limits = {Limit{"per-key", LimitScope::kKey, n, window, burst, seconds(1)}};
    config.upstreams = {upstream};
    return config;
  }

  wire::PeerId up(wire::Role role, std::uint64_t life = 0) {
    const wire::PeerId peer{++peers_};
    reply(wire::PeerUp{peer, role, "x", life == 0 ? peer.n + 1000 : life});
    return peer;
  }
  wire::PeerId dispatcher(std::uint32_t window = 16, std::uint64_t life = 0) {
    const wire::PeerId peer = up(wire::Role::kDispatcher, life);
    credit(peer, window);
    return peer;
  }
  void credit(wire::PeerId peer, std::uint32_t window, wire::Wait why = wire::Wait::kNone) {
    reply(wire::PeerFacts{peer, {{"api", window, why}}, 0, 0, std::nullopt});
  }
  void down(wire::PeerId peer) { reply(wire::PeerDown{peer}); }
  void say(wire::PeerId from, wire::Item item) {
    LimiterCore::Out out;
    core->accept(wire::FromPeer{from, std::move(item)}, now, out);
    take(out);
    settle();
  }
  void reply(const LimiterCore::Reply& reply) {
    LimiterCore::Out out;
    core->complete(reply, now, out);
    take(out);
    settle();
  }
  // As the shell does it at SIGHUP: the store and the core learn the limits together.
  void edit(Config config) {
    config.upstreams = edited(config_.upstreams, std::move(config.upstreams));
    config_ = config;
    StoreConfig store = store_config(config);
    store_.set_config(store);
    core->edit(std::move(config));
    settle();
  }
  // Time passes, with a tick whenever one is due. Each minute an ingest has announced everything.
  void pass(Duration span) {
    for (; announces && span > minutes(1); span = span - minutes(1)) pass(minutes(1));
    if (announces) say(*announces, wire::Announced{"p", 0});
    const Instant end = now + span;
    while (core->deadline() <= end) {
      now = std::max(now, core->deadline());
      settle();
    }
    now = end;
  }

  wire::Offer offer(const std::string& id, std::int64_t order,
                    wire::Origin origin = wire::Origin::kRow) const {
    wire::Offer offer;
    offer.source = "bench";
    offer.key = "api:k";
    offer.id = id;
    offer.identity = wire::identity_of(offer.source, offer.key, id, 0);
    offer.upstream = "api";
    offer.origin = origin;
    offer.store = "p";
    offer.order = order;
    offer.request = {"POST", "/", {}, id};
    offer.content_hash = wire::content_hash_of(offer.request);
    offer.first_seen = store_now();
    offer.expires_at = store_now() + hours(1);
    return offer;
  }
  wire::Parked parked(std::uint64_t count, std::int64_t head) const {
    return {"p", "api:k", "api", count, head, {}};
  }
  wire::Outcome outcome(const wire::Dispatch& of, wire::Ended ended) const {
    wire::Outcome outcome;
    outcome.attempt = of.attempt;
    outcome.upstream = of.upstream;
    outcome.key = of.key;
    outcome.ended = ended;
    outcome.status = ended == wire::Ended::kDelivered ? 200 : 500;
    outcome.started_at = store_now();
    outcome.answered_at = store_now();
    return outcome;
  }

  // What was said of one kind since the last clear(), oldest first.
  template <class T>
  [[nodiscard]] std::vector<T> said() const {
    std::vector<T> found;
    for (const auto& send : sent) {
      if (const T* item = std::get_if<T>(&send.item)) found.push_back(*item);
    }
    return found;
  }
  void clear() { sent.clear(); }
  [[nodiscard]] StoreTime store_now() const { return StoreTime{now.us + 1'760'000'000'000'000}; }

  [[nodiscard]] MemoryStore& store() { return store_; }

  std::unique_ptr<LimiterCore> core;
  Instant now{1'000'000};
  std::optional<Duration> wall_off;
  Duration skew;  // of the store's clock
  std::vector<wire::Send> sent;
  std::vector<std::pair<wire::PeerId, wire::Record>>
      held;                   // limits that hold, as auditors are told
  bool auditor_knows = true;  // ... and say that they know
  bool store_answers = true;
  bool keep_answers = false;  // answers go to `kept` instead
  std::string unfit;          // why the store grants nothing for a second at a time
  std::vector<StoreReply> kept;
  std::size_t asked = 0;
  std::size_t announced = 0;
  std::optional<wire::PeerId> announces;

 private:
  static StoreConfig store_config(const Config& config) {
    StoreConfig store;
    store.upstreams = config.upstreams;
    return store;
  }
  void take(LimiterCore::Out& out) {
    std::vector<LimiterCore::Effect> effects;
    out.take(effects);
    for (auto& effect : effects) {
      if (auto* send = std::get_if<wire::Send>(&effect)) {
        if (!says_what_holds(*send)) sent.push_back(std::move(*send));
      }
      if (std::holds_alternative<wire::Announce>(effect)) ++announced;
      if (const auto* ask = std::get_if<StoreAsk>(&effect)) answer(*ask);
    }
  }
  // The auditor has it at once, unless told otherwise.
  bool says_what_holds(const wire::Send& send) {
    const auto* line = std::get_if<wire::Record>(&send.item);
    if (line == nullptr || line->kind != wire::RecordKind::kLimits) return false;
    if (line->limits_before != 0) return false;
    held.emplace_back(send.peer, *line);
    if (!auditor_knows) return true;
    wire::Recorded recorded;
    recorded.record_id = line->record_id;
    LimiterCore::Out out;
    core->accept(wire::FromPeer{send.peer, std::move(recorded)}, now, out);
    take(out);
    return true;
  }
  void answer(const StoreAsk& ask) {
    ++asked;
    if (!store_answers) return;
    const auto* grant = std::get_if<Grant>(&ask.call);
    StoreReply reply = grant == nullptr || unfit.empty() ? store_.perform(ask, store_now() + skew)
                                                         : refusal(grant->asks.size());
    reply.call_id = ask.call_id;
    reply.sent = now;
    reply.received = now;
    if (wall_off) reply.wall = store_now() + *wall_off;
    if (keep_answers) {
      kept.push_back(std::move(reply));
      return;
    }
    LimiterCore::Out out;
    core->complete(reply, now, out);
    take(out);
  }
  [[nodiscard]] StoreReply refusal(std::size_t asks) const {
    GrantAnswer no;
    no.why = wire::Wait::kStoreDown;
    no.limit = unfit;
    no.until = store_now() + seconds(1);
    return {0, GrantReply{std::vector<GrantAnswer>(asks, no), {}}, {}, {}, {}};
  }
  void settle() {
    for (int n = 0; core->deadline() <= now; ++n) {
      CHECK(n < 1'000);
      LimiterCore::Out out;
      core->tick(now, out);
      take(out);
    }
  }

  Config config_;
  MemoryStore store_;
  std::uint64_t peers_ = 0;
};

// One of each neighbour, up.
struct Started {
  Bench bench;
  wire::PeerId ingest;
  wire::PeerId dispatcher;
  wire::PeerId auditor;
  explicit Started(Config config = Bench::config(), std::optional<Duration> wall_off = {})
      : bench(std::move(config), true, wall_off),
        ingest(bench.up(wire::Role::kIngest)),
        dispatcher(bench.dispatcher(16, 55)),
        auditor(bench.up(wire::Role::kAuditor)) {
    bench.announces = ingest;
  }
  wire::Dispatch dispatch_one(const std::string& id = "1") {
    bench.clear();
    bench.say(ingest, bench.offer(id, 1));
    const auto dispatches = bench.said<wire::Dispatch>();
    CHECK(dispatches.size() == 1);
    return dispatches.front();
  }
  // Delivered, on record, and told.
  void settle(const wire::Dispatch& dispatch) {
    bench.say(dispatcher, bench.outcome(dispatch, wire::Ended::kDelivered));
    for (const auto& line : bench.said<wire::Record>()) {
      bench.say(auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
    }
  }
};

}  // namespace sluice::limiter::testing
