// What the store says of limits, and what the core makes of it: limits of attempts at once, what
// the upstream says is left, shadows, and what people are told of them.
#include <gtest/gtest.h>

#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

Limit at_once(std::uint32_t n, LimitScope scope) {
  Limit limit{"at-once", scope, n};
  limit.kind = LimitKind::kConcurrency;
  return limit;
}

wire::Offer offer_of(const Bench& bench, const std::string& key) {
  wire::Offer offer = bench.offer(key, 1);
  offer.key = "api:" + key;
  offer.identity = wire::identity_of(offer.source, offer.key, offer.id, 0);
  return offer;
}

TEST(Limits, AnAttemptOfAnotherKeyThatEndsOpensALimitOfAttemptsAtOnce) {
  Config config = Bench::config();
  config.upstreams[0].limits.push_back(at_once(1, LimitScope::kUpstream));
  Started s(config);
  s.bench.say(s.ingest, offer_of(s.bench, "a"));
  s.bench.say(s.ingest, offer_of(s.bench, "b"));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  const auto explained = s.bench.core->explain_key("api:b", s.bench.now);
  EXPECT_EQ(explained->message.why, wire::Wait::kInFlight);
  EXPECT_EQ(explained->message.limit, "at-once");
  s.bench.say(s.dispatcher,
              s.bench.outcome(s.bench.said<wire::Dispatch>()[0], wire::Ended::kDelivered));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 2U);  // at once
}

Config one_a_day_for_all() {
  Config config = Bench::config(100, seconds(1), 100);
  config.upstreams[0].limits.push_back(
      Limit{"all", LimitScope::kUpstream, 1, hours(24), 1, seconds(1)});
  return config;
}

// "One a day" has one slot: when its attempt never started, the next need not wait for a day.
TEST(Limits, ASlotThatBecomesFreeOpensALimitOfTheWholeUpstream) {
  Started s(one_a_day_for_all());
  s.bench.say(s.ingest, offer_of(s.bench, "a"));
  s.bench.say(s.ingest, offer_of(s.bench, "b"));
  const auto dispatches = s.bench.said<wire::Dispatch>();
  ASSERT_EQ(dispatches.size(), 1U);
  EXPECT_EQ(s.bench.core->explain_key("api:b", s.bench.now)->message.why, wire::Wait::kWindowFull);
  wire::Outcome never = s.bench.outcome(dispatches[0], wire::Ended::kNotStarted);
  never.not_started = wire::NotStarted::kTooLate;
  s.bench.say(s.dispatcher, never);
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 2U);  // at once
}

// Who was refused needs all of the window, and is cancelled: the others need not wait so long.
TEST(Limits, ALimitOfTheWholeUpstreamIsAskedAgain) {
  Config config = Bench::config(100, seconds(1), 100);
  config.upstreams[0].limits.push_back(
      Limit{"all", LimitScope::kUpstream, 10, hours(24), 10, seconds(1)});
  Started s(config);
  s.bench.say(s.ingest, offer_of(s.bench, "first"));
  wire::Offer dear = offer_of(s.bench, "dear");
  dear.cost = 10;
  s.bench.say(s.ingest, dear);
  s.bench.say(s.ingest, offer_of(s.bench, "cheap"));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  dear.cancelled = true;
  s.bench.say(s.ingest, dear);
  s.bench.pass(seconds(31));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 2U);
  EXPECT_EQ(s.bench.said<wire::Dispatch>()[1].key, "api:cheap");
}

// What waits for a limit of the whole upstream, a pause or a breaker does not wait for us.
TEST(Limits, WhatTheUpstreamKeepsIsNotHeldByUs) {
  Started s(one_a_day_for_all());
  s.bench.say(s.ingest, offer_of(s.bench, "a"));
  s.bench.say(s.ingest, offer_of(s.bench, "b"));
  s.bench.pass(minutes(10));
  EXPECT_EQ(s.bench.core->backlog(s.bench.now).held_since, StoreTime{});
}

TEST(Limits, WhatAPauseKeptCouldGoSinceItsEnd) {
  Started s;
  const StoreTime ends = s.bench.store_now() + minutes(10);
  s.bench.say(s.ingest, wire::Control{7, wire::Verb::kPause, "api", "", "", 0, ends, "ann", {}, 0});
  s.bench.say(s.ingest, offer_of(s.bench, "a"));
  s.bench.pass(minutes(11));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  s.bench.say(s.dispatcher,
              s.bench.outcome(s.bench.said<wire::Dispatch>()[0], wire::Ended::kDelivered));
  const auto lines = s.bench.said<wire::Record>();
  ASSERT_FALSE(lines.empty());
  EXPECT_GE(lines.back().could_go_at, ends);
}

TEST(Limits, WhatABreakerKeptCouldGoSinceItClosed) {
  Started s;
  s.bench.credit(s.dispatcher, 0, wire::Wait::kBreaker);
  s.bench.say(s.ingest, offer_of(s.bench, "a"));
  s.bench.pass(minutes(10));
  EXPECT_EQ(s.bench.core->backlog(s.bench.now).held_since, StoreTime{});
  const StoreTime closed = s.bench.store_now();
  s.bench.credit(s.dispatcher, 16);
  s.bench.pass(seconds(2));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  s.bench.say(s.dispatcher,
              s.bench.outcome(s.bench.said<wire::Dispatch>()[0], wire::Ended::kDelivered));
  EXPECT_GE(s.bench.said<wire::Record>().back().could_go_at + seconds(2), closed);
}

TEST(Limits, AKeyIsForgottenWhenItsPauseIsOver) {
  Started s;
  const StoreTime ends = s.bench.store_now() + minutes(10);
  s.bench.say(s.ingest,
              wire::Control{7, wire::Verb::kPause, "api", "api:a", "", 0, ends, "ann", {}, 0});
  s.bench.pass(minutes(1));
  EXPECT_EQ(s.bench.core->keys(), 1U);
  s.bench.pass(minutes(10));
  EXPECT_EQ(s.bench.core->keys(), 0U);
}

// Only rates pace: neither attempts at once nor shadows make lines short.
TEST(Limits, LinesAreAsLongAsRatesNeed) {
  Config config = Bench::config();
  config.line_cap = 4'096;
  Upstream upstream;
  upstream.limits = {at_once(1, LimitScope::kKey)};
  EXPECT_EQ(line_max_of(upstream, config), 4'096U);
  upstream.limits.push_back(Limit{"tried", LimitScope::kKey, 1, hours(1)});
  upstream.limits.back().shadow = true;
  EXPECT_EQ(line_max_of(upstream, config), 4'096U);
  upstream.limits.back().shadow = false;
  EXPECT_EQ(line_max_of(upstream, config), config.line_min);
}

// Its attempt is another life's: this one only hears how it ended.
TEST(Limits, AnOrphanThatEndsOpensALimitOfAttemptsAtOnce) {
  Config config = Bench::config();
  config.upstreams[0].limits.push_back(at_once(1, LimitScope::kUpstream));
  Started s(config);
  s.bench.say(s.ingest, offer_of(s.bench, "a"));
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  const auto orphan = s.bench.said<wire::Dispatch>()[0];
  config.life = 2;
  s.bench.core = std::make_unique<LimiterCore>(config, 8);
  s.bench.pass(milliseconds(1));
  s.ingest = s.bench.up(wire::Role::kIngest);
  s.dispatcher = s.bench.dispatcher();
  s.bench.clear();
  s.bench.say(s.ingest, offer_of(s.bench, "b"));
  EXPECT_TRUE(s.bench.said<wire::Dispatch>().empty());
  s.bench.say(s.dispatcher, s.bench.outcome(orphan, wire::Ended::kDelivered));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
}

// What the upstream says is left stops every key when its limits are of it as a whole, and what it
// says next opens them.
TEST(Limits, WhatTheUpstreamSaysIsLeftStopsAllAndOpensAll) {
  Config config = Bench::config();
  config.upstreams[0].limits[0].scope = LimitScope::kUpstream;
  Started s(config);
  s.bench.say(s.ingest, offer_of(s.bench, "a"));
  s.bench.say(s.ingest, offer_of(s.bench, "b"));
  auto dispatches = s.bench.said<wire::Dispatch>();
  ASSERT_EQ(dispatches.size(), 2U);
  auto tell = [&](std::size_t which, std::uint32_t left) {
    wire::Outcome outcome = s.bench.outcome(dispatches[which], wire::Ended::kDelivered);
    outcome.quota_told = true;
    outcome.quota_left = left;
    outcome.quota_reset = seconds(40);
    s.bench.say(s.dispatcher, outcome);
  };
  tell(0, 0);
  s.bench.say(s.ingest, offer_of(s.bench, "c"));
  s.bench.say(s.ingest, offer_of(s.bench, "d"));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 2U);
  const auto explained = s.bench.core->explain_key("api:c", s.bench.now);
  EXPECT_EQ(explained->message.why, wire::Wait::kWindowFull);
  EXPECT_EQ(explained->message.limit, kTold);
  const auto refused = s.bench.core->counts().refused;
  s.bench.pass(seconds(5));
  EXPECT_EQ(s.bench.core->counts().refused, refused);  // nobody is asked for in vain
  tell(1, 5);
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 3U);  // the burst is 3
}

TEST(Limits, ShadowsRefuseNothingAndAreCounted) {
  Config config = Bench::config();
  config.upstreams[0].limits.push_back({"dry", LimitScope::kKey, 1, seconds(60), 1, seconds(1)});
  config.upstreams[0].limits.back().shadow = true;
  Started s(config);
  for (int i = 0; i < 3; ++i) {
    const auto dispatch = s.dispatch_one(std::to_string(i));
    s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  }
  EXPECT_EQ(s.bench.core->counts().shadows.at({"api", "dry"}), 2U);
}

// A hold is no limit's: the name of the limit that refused before is not said with it.
TEST(Limits, APenaltyIsExplainedWithoutALimit) {
  Started s(Bench::config(1, seconds(60), 1));
  const auto dispatch = s.dispatch_one();
  s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  s.bench.say(s.ingest, s.bench.offer("2", 2));
  EXPECT_EQ(s.bench.core->explain_key("api:k", s.bench.now)->message.limit, "per-key");
  s.bench.say(s.dispatcher, wire::Penalty{"api", "api:k", true, seconds(100), false});
  const auto explained = s.bench.core->explain_key("api:k", s.bench.now);
  EXPECT_EQ(explained->message.why, wire::Wait::kPenalty);
  EXPECT_EQ(explained->message.limit, "");
  const auto departs = s.bench.core->departures(s.bench.now);
  EXPECT_GE(departs.next, s.bench.store_now() + seconds(100));
}

// Also while others of its key go first, and its quote does not say so.
TEST(Limits, NoDepartureIsStatedBeforeAMessagesOwnTime) {
  Started s(Bench::config(1, seconds(60), 1));
  s.bench.say(s.ingest, s.bench.offer("1", 1));
  s.bench.say(s.ingest, s.bench.offer("2", 2));
  wire::Offer later = s.bench.offer("3", 3);
  later.not_before = s.bench.store_now() + hours(1);
  s.bench.say(s.ingest, later);
  s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", later.identity, 2, 1, {}});
  const auto quoted = s.bench.said<wire::Quoted>();
  ASSERT_EQ(quoted.size(), 1U);
  EXPECT_EQ(quoted[0].departs_at, later.not_before);
}

}  // namespace
}  // namespace sluice::limiter
