// How many attempts of a key are under way at once: the store says, the core goes by it.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace sluice::limiter
