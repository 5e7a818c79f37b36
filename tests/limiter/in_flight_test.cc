// How many attempts of a key are under way at once: the store says, the core goes by it.
#include <gtest/gtest.h>

#include "limiter/in_flight.h"
#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

// 60 a minute: 1 at once while answers take no time, ceil(60 x 3 / (60 + 1 + 3)) = 3 at 3 s.
Config busy() { return Bench::config(60, seconds(60), 60); }

// Delivers `count` messages, each answered `latency` after it went.
void deliver(Started& s, int count, Duration latency, int first = 1) {
  for (int i = first; i < first + count; ++i) {
    s.bench.say(s.ingest, s.bench.offer(std::to_string(i), i));
    s.bench.pass(latency);
    for (const wire::Dispatch& dispatch : s.bench.said<wire::Dispatch>()) {
      s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
    }
    s.bench.clear();
    s.bench.pass(seconds(61));
  }
}

void offer(Started& s, int from, int to) {
  for (int i = from; i < to; ++i) s.bench.say(s.ingest, s.bench.offer(std::to_string(i), i));
}

TEST(InFlight, FastAnswersGoOneAtATime) {
  Started s(busy());
  deliver(s, 2, milliseconds(200));
  offer(s, 10, 20);
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
}

TEST(InFlight, SlowAnswersGoAsManyAtATimeAsTheLimitNeeds) {
  Started s(busy());
  deliver(s, 2, seconds(3));
  offer(s, 10, 20);
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 3U);
}

// A limiter that starts knows nothing; the store has learnt it, and says so at once.
TEST(InFlight, AnHeirKnowsHowLongAnswersTake) {
  Started s(busy());
  deliver(s, 2, seconds(3));
  Config heir = busy();
  heir.life = 2;
  s.bench.core = std::make_unique<LimiterCore>(heir, 8);
  s.bench.pass(milliseconds(1));
  s.ingest = s.bench.up(wire::Role::kIngest);
  s.dispatcher = s.bench.dispatcher();
  s.bench.clear();
  offer(s, 10, 20);
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 3U);
}

TEST(InFlight, AfterAWarningOneAtATimeUntilOneSucceeds) {
  Started s(busy());
  deliver(s, 2, seconds(3));
  offer(s, 10, 11);
  ASSERT_EQ(s.bench.said<wire::Dispatch>().size(), 1U);
  wire::Outcome warning =
      s.bench.outcome(s.bench.said<wire::Dispatch>()[0], wire::Ended::kThrottled);
  warning.told_to_wait = true;
  warning.retry_after = seconds(12);
  s.bench.say(s.dispatcher, warning);
  s.bench.clear();
  offer(s, 10, 20);
  for (int i = 0; i < 400 && s.bench.said<wire::Dispatch>().empty(); ++i) {
    s.bench.pass(milliseconds(100));
  }
  const auto first = s.bench.said<wire::Dispatch>();
  ASSERT_EQ(first.size(), 1U);
  const std::size_t asked = s.bench.core->counts().refused;
  s.bench.pass(seconds(3));
  EXPECT_EQ(s.bench.core->counts().refused, asked);  // the core does not even ask
  s.bench.clear();
  s.bench.say(s.dispatcher, s.bench.outcome(first[0], wire::Ended::kDelivered));
  EXPECT_EQ(s.bench.said<wire::Dispatch>().size(), 3U);
}

// Where windows set the pace, answers may come by 1/64 of the shortest window sooner than lately,
// and nothing leaves before it was said to; where answers set it, they are all that counts.
TEST(InFlight, WhatIsStatedOfLatency) {
  const auto with = [](std::uint32_t n, Duration window) {
    Limit limit;
    limit.n = n;
    limit.window = window;
    return limit;
  };
  Upstream upstream;
  EXPECT_EQ(stated_latency(upstream, seconds(3), 1), seconds(3));  // no window
  upstream.limits = {with(10, seconds(64))};
  EXPECT_EQ(stated_latency(upstream, milliseconds(200), 1), Duration{0});
  EXPECT_EQ(stated_latency(upstream, seconds(3), 1), seconds(2));
  EXPECT_EQ(stated_latency(upstream, seconds(7), 1), seconds(7));
  EXPECT_EQ(stated_latency(upstream, seconds(7), 2), seconds(6));
  upstream.limits.push_back(with(100, seconds(32)));
  EXPECT_EQ(stated_latency(upstream, seconds(3), 1), milliseconds(2500));
}

}  // namespace
}  // namespace sluice::limiter
