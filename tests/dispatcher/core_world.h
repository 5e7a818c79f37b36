// A core between two limiters and an HTTP that this test plays.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "dispatcher/core.h"

namespace sluice::dispatcher {
inline constexpr std::int64_t kEpoch =
    1'800'000'000'000'000;  // store time at Instant 0, exactly known
constexpr Instant at_ms(std::int64_t ms) { return Instant{} + milliseconds(ms); }
constexpr StoreTime store_ms(std::int64_t ms) { return StoreTime{kEpoch} + milliseconds(ms); }

inline Config config_of(std::uint32_t in_flight = 4) {
  Config config;
  Upstream upstream;
  upstream.name = "u";
  upstream.in_flight = in_flight;
  config.upstreams = {upstream};
  return config;
}

inline wire::Attempt attempt(int n, std::uint32_t serial = 1) {
  std::string identity(16, 'i');
  identity[0] = static_cast<char>(n);
  identity[1] = static_cast<char>(n >> 8);
  return {identity, serial};
}

class CoreTest : public ::testing::Test {
 protected:
  static constexpr wire::PeerId kA{1};
  static constexpr wire::PeerId kB{2};

  void SetUp() override { fresh(config_of()); }
  void fresh(Config config) {
    core_ = std::make_unique<DispatcherCore>(std::move(config));
    now_ = at_ms(0);
    up(kA, 100);
    out();
  }
  void up(wire::PeerId peer, std::uint64_t life) {
    core_->complete(wire::PeerUp{peer, wire::Role::kLimiter, "l", life}, now_, out_);
    clock(peer);
  }
  void down(wire::PeerId peer) { core_->complete(wire::PeerDown{peer}, now_, out_); }
  void clock(wire::PeerId peer) {
    const StoreTime store = StoreTime{kEpoch + now_.us};
    wire::PeerFacts facts;
    facts.peer = peer;
    facts.round_trip = RoundTrip{now_, now_, {store, store}};
    core_->complete(facts, now_, out_);
  }
  // Time goes on with a heartbeat each second.
  void to(std::int64_t ms) {
    while (now_ < at_ms(ms)) {
      now_ = std::min(at_ms(ms), now_ + seconds(1));
      if (core_->limiters() > 0) clock(heartbeats_from_);
      core_->tick(now_, out_);
    }
  }
  wire::Dispatch dispatch_of(int n, const std::string& key = "u:k") {
    wire::Dispatch dispatch;
    dispatch.attempt = attempt(n);
    dispatch.upstream = "u";
    dispatch.key = key;
    dispatch.attempt_number = 1;
    dispatch.idempotency_key = "idem-" + std::to_string(n);
    dispatch.granted_at = StoreTime{kEpoch + now_.us};
    dispatch.start_by = dispatch.granted_at + seconds(2);
    dispatch.lease_end = dispatch.granted_at + seconds(72);
    return dispatch;
  }
  void take(const wire::Item& item, wire::PeerId from = kA) {
    core_->accept(wire::FromPeer{from, item}, now_, out_);
  }
  void dispatch(int n, const std::string& key = "u:k") { take(dispatch_of(n, key)); }
  void ended(int n, HttpEnd end, std::uint32_t status = 0, std::string retry_after = {}) {
    HttpEnded reply;
    reply.attempt = attempt(n);
    reply.end = end;
    reply.status = status;
    reply.retry_after = std::move(retry_after);
    if (end == HttpEnd::kAnswered || end == HttpEnd::kUnknown) reply.sent = now_;
    reply.ended = now_;
    core_->complete(reply, now_, out_);
  }
  std::vector<DispatcherCore::Effect> out() {
    std::vector<DispatcherCore::Effect> effects;
    out_.take(effects);
    return effects;
  }
  template <class T>
  static std::vector<T> only(const std::vector<DispatcherCore::Effect>& effects) {
    std::vector<T> found;
    for (const auto& effect : effects) {
      if constexpr (std::is_same_v<T, wire::Send> || std::is_same_v<T, StartHttp> ||
                    std::is_same_v<T, StopHttp> || std::is_same_v<T, wire::Announce>) {
        if (const T* one = std::get_if<T>(&effect)) found.push_back(*one);
      } else if (const auto* send = std::get_if<wire::Send>(&effect)) {
        if (const T* one = std::get_if<T>(&send->item)) found.push_back(*one);
      }
    }
    return found;
  }
  std::vector<StartHttp> starts() { return only<StartHttp>(out()); }
  std::vector<wire::Outcome> outcomes() { return only<wire::Outcome>(out()); }
  wire::Outcome one_outcome() {
    const auto all = outcomes();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? wire::Outcome{} : all[0];
  }
  wire::Credit credit(wire::PeerId peer = kA) { return core_->heartbeat(peer, now_).credits.at(0); }

  std::unique_ptr<DispatcherCore> core_;
  Instant now_;
  wire::PeerId heartbeats_from_ = kA;
  Outbox<DispatcherCore::Effect> out_;
};

}  // namespace sluice::dispatcher
