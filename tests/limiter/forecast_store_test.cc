// What a forecast states is what the store does: asked and answered one by one, from the same past.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "lib/base/prng.h"
#include "limiter/forecast.h"
#include "limiter/in_flight.h"
#include "limiter/memory_store.h"

namespace sluice::limiter {
namespace {

const std::string kKey = "api:k";

struct Open {
  std::string identity;
  std::uint32_t serial = 0;
  StoreTime answer_at;
  StoreTime granted_at;
};

class Rig {
 public:
  Rig(Upstream upstream, Duration latency) : latency_(latency), store_(config(upstream)) {
    upstream_ = std::move(upstream);
  }

  template <class T>
  T ask(Call call) {
    return std::get<T>(store_.perform({1, std::move(call)}, now).answer);
  }
  GrantAnswer grant(std::uint32_t cost = 1) {
    GrantAsk ask;
    ask.line.identity = "message-" + std::to_string(1'000'000 + asked_);
    ask.line.key = kKey;
    ask.line.upstream = "api";
    ask.line.content_hash = "hash";
    ask.cost = cost;
    ask.dispatcher_life = 5;
    const auto reply = this->ask<GrantReply>(Grant{caller(), {ask}});
    GrantAnswer answer = reply.answers.front();
    if (answer.granted == Granted::kYes) {
      open.push_back({ask.line.identity, answer.serial, now + latency_, now});
    }
    if (answer.granted != Granted::kWait) ++asked_;  // too dear for a limit: it has ended
    return answer;
  }
  wire::Outcome outcome(const Open& one, wire::Ended ended) const {
    const bool early = now < one.answer_at;
    wire::Outcome outcome;
    outcome.attempt = {one.identity, one.serial};
    outcome.upstream = "api";
    outcome.key = kKey;
    outcome.ended = ended;
    outcome.status = early ? 0 : 200;  // 0 teaches no latency
    return outcome;
  }
  void complete(const wire::Outcome& outcome, Duration penalty = {}) {
    Completion completion{outcome, {hours(100), penalty, true}};
    this->ask<CompleteReply>(Complete{caller(), {completion}});
    std::erase_if(open, [&](const Open& one) { return one.identity == outcome.attempt.identity; });
  }
  // Answers what is due, in order.
  void pass_to(StoreTime to) {
    while (!open.empty() && open.front().answer_at <= to) {
      now = std::max(now, open.front().answer_at);
      complete(outcome(open.front(), wire::Ended::kDelivered));
    }
    now = std::max(now, to);
  }
  void edit(Upstream upstream) {
    upstream_ = std::move(upstream);
    store_.set_config(config(upstream_));
  }

  KeyState peek() { return ask<PeekReply>(Peek{"api", {kKey}}).keys.front(); }
  // As LimiterCore::foresee() does it.
  Forecast forecast() {
    const auto reply = ask<PeekReply>(Peek{"api", {kKey}});
    const KeyState& state = reply.keys.front();
    Refusal hold;
    for (const wire::Hold& said : state.holds) {
      if (said.until > hold.until) hold = {wire::Wait::kPenalty, said.until};
    }
    if (state.closed_until > hold.until) hold = {wire::Wait::kClosure, state.closed_until};
    return {upstream_, state, {now, hold, {latency_, in_flight_per_key(upstream_, reply.latency)}}};
  }
  // The next departure, one question after the other.
  StoreTime next() {
    for (int i = 0; i < 1'000; ++i) {
      const GrantAnswer answer = grant();
      if (answer.granted == Granted::kYes) return now;
      StoreTime event = answer.until.us == 0 ? StoreTime::never() : answer.until;
      if (!open.empty()) event = std::min(event, open.front().answer_at);
      pass_to(event);
    }
    ADD_FAILURE() << "nothing ever goes";
    return {};
  }

  StoreTime now{1'000'000'000'000};
  std::vector<Open> open;  // by answer_at: latency is always the same

 private:
  static StoreConfig config(const Upstream& upstream) {
    StoreConfig config;
    config.upstreams = {upstream};
    return config;
  }
  Caller caller() const {
    return {9, {now, now}, now + seconds(2), limits_version(upstream_.name, upstream_.limits)};
  }

  Duration latency_;
  Upstream upstream_;
  MemoryStore store_;
  std::uint64_t asked_ = 0;
};

Limit any_limit(Prng& prng, std::uint32_t i) {
  Limit limit;
  limit.name = "limit-" + std::to_string(i);
  const bool large = prng.chance(100'000);
  limit.n = static_cast<std::uint32_t>(large ? prng.between(257, 400) : prng.between(1, 20));
  limit.window = seconds(prng.between(1, 60));
  limit.burst = static_cast<std::uint32_t>(prng.between(1, limit.n));
  limit.scope = prng.chance(250'000) ? LimitScope::kUpstream : LimitScope::kKey;
  if (i > 0 && prng.chance(250'000)) limit.shadow = true;
  if (i > 0 && prng.chance(250'000)) limit.kind = LimitKind::kConcurrency;
  return limit;
}

Upstream any_upstream(Prng& prng) {
  Upstream upstream;
  upstream.name = "api";
  upstream.in_flight_per_key =
      prng.chance(400'000) ? kInFlightAuto : static_cast<std::uint32_t>(prng.between(1, 4));
  const auto limits = prng.between(1, 3);
  for (std::uint32_t i = 0; i < limits; ++i) upstream.limits.push_back(any_limit(prng, i));
  return upstream;
}

// The key is warned: whatever was under way is answered before anybody looks.
void warn(Prng& prng, Rig& rig) {
  rig.complete(rig.outcome(rig.open.front(), wire::Ended::kThrottled),
               prng.between(seconds(1), seconds(60)));
  while (!rig.open.empty()) rig.pass_to(rig.open.front().answer_at);
}

// The upstream says how many are left.
void tell(Prng& prng, Rig& rig) {
  wire::Outcome outcome = rig.outcome(rig.open.front(), wire::Ended::kDelivered);
  outcome.quota_told = true;
  outcome.quota_left = static_cast<std::uint32_t>(prng.below(5));
  outcome.quota_reset = prng.between(seconds(1), seconds(40));
  rig.complete(outcome);
}

void live(Prng& prng, Rig& rig, Upstream& upstream) {
  for (auto steps = prng.below(60); steps > 0; --steps) {
    rig.grant(prng.chance(900'000) ? 1 : 2);
    rig.pass_to(rig.now + prng.between(Duration{}, seconds(6)));
    if (!rig.open.empty() && prng.chance(40'000)) warn(prng, rig);
    if (!rig.open.empty() && prng.chance(40'000)) tell(prng, rig);
    if (prng.chance(15'000)) {
      Limit& limit = upstream.limits[prng.below(upstream.limits.size())];
      limit.window = seconds(prng.between(1, 60));
      limit.n = static_cast<std::uint32_t>(prng.between(1, 20));
      limit.burst = std::min(limit.burst, limit.n);
      rig.edit(upstream);
    }
  }
}

TEST(ForecastOfTheStore, EqualsAskingAndAnsweringOneByOne) {
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Prng prng(seed);
    Upstream upstream = any_upstream(prng);
    const Duration latency = prng.chance(300'000) ? Duration{} : prng.between({}, seconds(5));
    Rig rig(upstream, latency);
    rig.next();
    rig.pass_to(rig.now + latency);  // the store has learnt it
    live(prng, rig, upstream);
    const KeyState state = rig.peek();
    seen["one at a time"] += state.one_at_a_time ? 1 : 0;
    seen["told"] += state.told_until.us != 0 ? 1 : 0;
    for (const Tightened& tight : state.limits) {
      seen["reopening"] += tight.grows_at.us != 0 ? 1 : 0;
      seen["edited"] += tight.held > 0 ? 1 : 0;
    }
    Forecast forecast = rig.forecast();
    for (std::uint64_t ahead = 0; ahead < 100; ++ahead) {
      ASSERT_EQ(forecast.departure(ahead).at, rig.next()) << "seed " << seed << " " << ahead;
    }
  }
  for (const char* what : {"one at a time", "told", "reopening", "edited"}) {
    EXPECT_GT(seen[what], 5) << what;
  }
}

// After a warning: half of them, one by one until one has succeeded, and an eighth more a window.
TEST(ForecastOfTheStore, AKeyThatReopensSlowly) {
  Upstream upstream;
  upstream.name = "api";
  upstream.limits = {{"per-key", LimitScope::kKey, 8, seconds(10), 8, seconds(1)}};
  upstream.in_flight_per_key = 8;
  Rig rig(upstream, milliseconds(500));
  rig.grant();
  rig.complete(rig.outcome(rig.open.front(), wire::Ended::kThrottled), seconds(12));
  const StoreTime opens = rig.now + seconds(12);
  Forecast forecast = rig.forecast();
  EXPECT_EQ(forecast.departure(0).at, opens);
  EXPECT_EQ(forecast.departure(0).why, wire::Wait::kPenalty);
  EXPECT_EQ(forecast.departure(1).at, opens + milliseconds(500));
  EXPECT_EQ(forecast.departure(1).why, wire::Wait::kInFlight);
  EXPECT_EQ(forecast.name_of(forecast.departure(1)), "");
  std::map<std::int64_t, int> per_window;
  const StoreTime proven = opens + milliseconds(500);
  for (std::uint64_t ahead = 0; ahead < 40; ++ahead) {
    const auto departure = forecast.departure(ahead);
    ++per_window[(departure.at - proven).us / seconds(10).us];
    ASSERT_EQ(departure.at, rig.next()) << ahead;
  }
  EXPECT_EQ(per_window[0], 4);
}

TEST(ForecastOfTheStore, WhatTheUpstreamSaysIsLeftIsNamed) {
  Upstream upstream;
  upstream.name = "api";
  upstream.limits = {{"per-key", LimitScope::kKey, 8, seconds(10), 8, seconds(1)}};
  Rig rig(upstream, Duration{});
  rig.grant();
  wire::Outcome outcome = rig.outcome(rig.open.front(), wire::Ended::kDelivered);
  outcome.quota_told = true;
  outcome.quota_left = 2;
  outcome.quota_reset = seconds(7);
  rig.complete(outcome);
  Forecast forecast = rig.forecast();
  EXPECT_EQ(forecast.remaining(), 2U);
  EXPECT_EQ(forecast.departure(1).at, rig.now);
  EXPECT_EQ(forecast.departure(2).at, rig.now + seconds(7));
  EXPECT_EQ(forecast.name_of(forecast.departure(2)), kTold);
  EXPECT_EQ(forecast.policy(forecast.departure(2)).name, "per-key");
}

// Neither a shadow nor a limit of attempts at the same time is a rate.
TEST(ForecastOfTheStore, ShadowsKeepNothingAndConcurrencyIsNoRate) {
  Upstream upstream;
  upstream.name = "api";
  upstream.limits = {{"shadow", LimitScope::kKey, 1, hours(1), 1, seconds(1)},
                     {"two", LimitScope::kUpstream, 2, seconds(60), 1, seconds(1)},
                     {"per-key", LimitScope::kKey, 10, seconds(10), 10, seconds(1)}};
  upstream.limits[0].shadow = true;
  upstream.limits[1].kind = LimitKind::kConcurrency;
  upstream.in_flight_per_key = 5;
  Rig rig(upstream, seconds(1));
  Forecast forecast = rig.forecast();
  EXPECT_EQ(forecast.remaining(), 2U);
  EXPECT_EQ(forecast.departure(1).at, rig.now);
  const auto third = forecast.departure(2);
  EXPECT_EQ(third.at, rig.now + seconds(1));
  EXPECT_EQ(third.why, wire::Wait::kInFlight);
  EXPECT_EQ(forecast.name_of(third), "two");
  EXPECT_EQ(forecast.policy(third).name, "per-key");
}

}  // namespace
}  // namespace sluice::limiter
