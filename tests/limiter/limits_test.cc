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
