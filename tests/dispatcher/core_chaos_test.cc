// The dispatcher's core under a hostile limiter, network and HTTP: random items in random order,
// limiters that die, replies that are lost. What must hold whatever happens:
//   an attempt starts at most once; never more run than in_flight; may_start says yes at most until
//   start_by; all outcomes of an attempt agree; one turn asks for at most effects_max; and when all
//   is healed, everything is answered and the table empties.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "dispatcher/core.h"
#include "lib/base/prng.h"

namespace sluice::dispatcher {
namespace {

constexpr std::int64_t kEpoch = 1'800'000'000'000'000;
constexpr std::uint32_t kInFlight = 3;

class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : prng_(seed), core_(config(prng_)) {}

  void run() {
    for (int step = 0; step < 600 && !failed(); ++step) {
      now_ = now_ + prng_.between(milliseconds(0), milliseconds(400));
      act();
      settle();
    }
    heal();
  }

 private:
  static Config config(Prng& prng) {
    Config config;
    for (const char* name : {"u", "v"}) {
      Upstream upstream;
      upstream.name = name;
      upstream.in_flight = kInFlight;
      upstream.penalty_base = seconds(3);
      config.upstreams.push_back(upstream);
    }
    config.table_max = prng.chance(300'000) ? 10 : 1000;
    config.asked_reserve = 5;
    return config;
  }
  static bool failed() { return ::testing::Test::HasFailure(); }
  [[nodiscard]] StoreTime store() const { return StoreTime{kEpoch + now_.us}; }

  void act() {
    switch (prng_.below(10)) {
      case 0:
        return up();
      case 1:
        return down();
      case 2:
        return recall();
      case 3:
        return ask();
      case 4:
        return complete_some();
      case 5:
      case 6:
        return end_one();
      case 7:
        return core_.tick(now_, out_);
      default:
        return dispatch();
    }
  }
  void up() {
    if (peers_.size() >= 3) return;
    const wire::PeerId peer{++named_};
    peers_.insert(peer);
    core_.complete(wire::PeerUp{peer, wire::Role::kLimiter, "l", 1 + prng_.below(4)}, now_, out_);
  }
  void down() {
    if (peers_.empty() || prng_.chance(500'000)) return;
    const wire::PeerId peer = *peers_.begin();
    peers_.erase(peer);
    core_.complete(wire::PeerDown{peer}, now_, out_);
  }
  wire::PeerId any() {
    if (peers_.empty()) up();
    auto place = peers_.begin();
    std::advance(place, static_cast<std::ptrdiff_t>(prng_.below(peers_.size())));
    return *place;
  }
  wire::Attempt attempt(std::uint64_t n) {
    std::string identity(16, 'x');
    identity[0] = static_cast<char>(n);
    identity[1] = static_cast<char>(n >> 8);
    return {identity, 1};
  }
  // Its lease has ended: nobody asks about it any more, and the table may have let it go.
  bool forgotten(std::uint64_t n) {
    return leases_.try_emplace(n, store() + seconds(60)).first->second < store();
  }
  void dispatch() {
    const bool again = attempts_ > 0 && prng_.chance(200'000);
    const std::uint64_t n = again ? 1 + prng_.below(attempts_) : ++attempts_;
    if (forgotten(n)) return;
    wire::Dispatch& dispatch = dispatched_[n];
    if (dispatch.upstream.empty()) {
      dispatch.attempt = attempt(n);
      dispatch.upstream = prng_.chance(500'000) ? "u" : "v";
      dispatch.key = dispatch.upstream + ":" + std::to_string(prng_.below(3));
      dispatch.granted_at = store();
      dispatch.start_by = store() + seconds(2);
      dispatch.lease_end = leases_[n];
    }
    core_.accept(wire::FromPeer{any(), dispatch}, now_, out_);
  }
  void ask() {
    const std::uint64_t n = 1 + prng_.below(attempts_ + 3);
    attempts_ = std::max(attempts_, n);
    if (forgotten(n)) return;
    const auto known = dispatched_.find(n);
    const std::string upstream = known == dispatched_.end() ? "u" : known->second.upstream;
    core_.accept(wire::FromPeer{any(), wire::Asked{attempt(n), upstream, "u:0", leases_[n]}}, now_,
                 out_);
  }
  void recall() {
    const StoreTime until = prng_.chance(300'000) ? StoreTime{} : store() + seconds(2);
    core_.accept(
        wire::FromPeer{any(), wire::Recall{"u", prng_.chance(200'000) ? "" : "u:1", until}}, now_,
        out_);
  }
  void complete_some() {
    for (const auto& [attempt, ended] : told_) {
      if (prng_.chance(500'000)) {
        core_.accept(wire::FromPeer{any(), wire::Completed{attempt}}, now_, out_);
      }
    }
  }
  // A running attempt ends some way, or its end is lost.
  void end_one() {
    if (running_.empty()) return;
    auto place = running_.begin();
    std::advance(place, static_cast<std::ptrdiff_t>(prng_.below(running_.size())));
    HttpEnded ended;
    ended.attempt = *place;
    running_.erase(place);
    ended.ended = now_;
    if (core_.may_start(ended.attempt, now_)) {
      const auto n = static_cast<unsigned char>(ended.attempt.identity[0]) +
                     (static_cast<unsigned char>(ended.attempt.identity[1]) << 8);
      EXPECT_LT(store(), dispatched_[static_cast<std::uint64_t>(n)].start_by);
      ended.sent = now_;
      ended.end = prng_.chance(800'000) ? HttpEnd::kAnswered : HttpEnd::kUnknown;
      constexpr std::uint32_t kStatuses[] = {200, 200, 429, 500, 404, 503};
      ended.status = kStatuses[prng_.below(6)];
    } else {
      ended.end = prng_.chance(300'000) ? HttpEnd::kNotConnected : HttpEnd::kDenied;
    }
    if (!prng_.chance(50'000)) core_.complete(ended, now_, out_);
  }
  void heartbeats() {
    for (const wire::PeerId peer : peers_) {
      wire::PeerFacts facts;
      facts.peer = peer;
      facts.round_trip =
          RoundTrip{now_ - milliseconds(3), now_, {store() - milliseconds(3), store()}};
      core_.complete(facts, now_, out_);
    }
  }
  // Performs what was asked for, and checks it.
  void settle() {
    if (prng_.chance(700'000)) heartbeats();
    core_.tick(now_, out_);
    EXPECT_LE(out_.size(), 8 * core_.effects_max());  // several calls
    std::vector<DispatcherCore::Effect> effects;
    out_.take(effects);
    for (const auto& effect : effects) check(effect);
    for (const UpstreamView& view : core_.upstreams(now_)) EXPECT_LE(view.running, kInFlight);
  }
  void check(const DispatcherCore::Effect& effect) {
    if (const auto* start = std::get_if<StartHttp>(&effect)) {
      EXPECT_TRUE(started_.insert(start->attempt).second) << "started twice";
      EXPECT_FALSE(told_.contains(start->attempt)) << "started after its outcome was said";
      running_.insert(start->attempt);
    } else if (const auto* stop = std::get_if<StopHttp>(&effect)) {
      running_.erase(stop->attempt);
    } else if (const auto* send = std::get_if<wire::Send>(&effect)) {
      const auto* outcome = std::get_if<wire::Outcome>(&send->item);
      if (outcome == nullptr || outcome->not_started == wire::NotStarted::kFull) return;
      const auto [place, fresh] = told_.try_emplace(outcome->attempt, outcome->ended);
      EXPECT_EQ(place->second, outcome->ended) << "two outcomes of one attempt";
    }
  }
  // Everybody is well: all ends, everything is completed, and the table forgets it.
  void heal() {
    if (peers_.empty()) up();
    for (int i = 0; i < 200 && !failed(); ++i) {
      now_ = now_ + seconds(1);
      heartbeats();
      while (!running_.empty()) {
        HttpEnded ended;
        ended.attempt = *running_.begin();
        ended.end = HttpEnd::kDenied;
        ended.ended = now_;
        running_.erase(running_.begin());
        core_.complete(ended, now_, out_);
      }
      core_.tick(now_, out_);
      std::vector<DispatcherCore::Effect> effects;
      out_.take(effects);
      for (const auto& effect : effects) {
        check(effect);
        const auto* send = std::get_if<wire::Send>(&effect);
        const auto* outcome = send == nullptr ? nullptr : std::get_if<wire::Outcome>(&send->item);
        if (outcome == nullptr) continue;
        core_.accept(wire::FromPeer{*peers_.begin(), wire::Completed{outcome->attempt}}, now_,
                     out_);
      }
    }
    EXPECT_TRUE(core_.idle());
    EXPECT_EQ(core_.table_size(), 0u);
    for (const wire::PeerId peer : peers_) EXPECT_EQ(core_.heartbeat(peer, now_).held_count, 0u);
  }

  Prng prng_;
  DispatcherCore core_;
  Outbox<DispatcherCore::Effect> out_;
  Instant now_;
  std::uint64_t named_ = 0;
  std::uint64_t attempts_ = 0;
  std::set<wire::PeerId> peers_;
  std::map<std::uint64_t, StoreTime> leases_;
  std::map<std::uint64_t, wire::Dispatch> dispatched_;
  std::set<wire::Attempt> started_;
  std::set<wire::Attempt> running_;
  std::map<wire::Attempt, wire::Ended> told_;
};

TEST(CoreChaos, HoldsWhatItPromises) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Chaos(seed).run();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::dispatcher
