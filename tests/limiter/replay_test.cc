// Traces and what would have waited: numbers that follow from the limits by hand.
#include "limiter/replay.h"

#include <gtest/gtest.h>

namespace sluice::limiter {
namespace {

Upstream upstream(std::vector<Limit> limits) {
  Upstream api;
  api.name = "api";
  api.in_flight_per_key = 1;
  api.limits = std::move(limits);
  return api;
}

std::vector<Arrival> burst(int count, const std::string& key = "k", Duration apart = {}) {
  std::vector<Arrival> arrivals;
  for (int i = 0; i < count; ++i) arrivals.push_back({apart * i, "api", key, 1, i + 1});
  return arrivals;
}

// 3 at once (one after the other's answer, 100 ms), then one each 6 s, the eleventh when the first
// counts no more: its answer at 0.1 s + 60 s + 1 s.
TEST(Replay, TenAMinuteBurstThree) {
  const Upstream api = upstream({Limit{"ten", LimitScope::kKey, 10, seconds(60), 3, seconds(1)}});
  const Replayed replayed = replay({{api}, milliseconds(100)}, burst(11));
  EXPECT_EQ(replayed.all.messages, 11U);
  EXPECT_EQ(replayed.all.waited, 10U);
  EXPECT_EQ(replayed.all.longest_queue, 10U);
  EXPECT_EQ(replayed.all.last, milliseconds(61'100));
  EXPECT_EQ(replayed.all.max, milliseconds(61'100));
  EXPECT_EQ(replayed.all.p50, seconds(18));  // the sixth
  const Waits& key = replayed.keys.at("api:k");
  EXPECT_EQ(key.last, replayed.all.last);
  EXPECT_EQ(replayed.limits.at("api: ten").messages, 8U);
  EXPECT_EQ(replayed.limits.at("api: in flight").messages, 2U);
}

TEST(Replay, WhatIsSlowerThanTheLimitWaitsForNothing) {
  const Upstream api = upstream({Limit{"ten", LimitScope::kKey, 10, seconds(60), 3, seconds(1)}});
  const Replayed replayed = replay({{api}, milliseconds(100)}, burst(100, "k", seconds(7)));
  EXPECT_EQ(replayed.all.waited, 0U);
  EXPECT_EQ(replayed.all.max, Duration{});
  EXPECT_TRUE(replayed.limits.empty());
}

// Each key alone would go at once; together they share one a second.
TEST(Replay, ALimitOfTheUpstreamIsShared) {
  const Upstream api =
      upstream({Limit{"all", LimitScope::kUpstream, 10, seconds(10), 1, milliseconds(510)}});
  std::vector<Arrival> arrivals = burst(4, "a");
  for (const Arrival& arrival : burst(4, "b")) arrivals.push_back(arrival);
  const Replayed replayed = replay({{api}, milliseconds(10)}, arrivals);
  EXPECT_EQ(replayed.all.last, seconds(7));
  EXPECT_EQ(replayed.keys.at("api:a").last, seconds(6));
  EXPECT_EQ(replayed.keys.at("api:b").last, seconds(7));
  EXPECT_EQ(replayed.limits.at("api: all").messages, 7U);
}

TEST(Replay, CostsCountAndWhatCanNeverGoIsSaid) {
  const Upstream api = upstream({Limit{"ten", LimitScope::kKey, 10, seconds(10), 10, seconds(1)}});
  std::vector<Arrival> arrivals = burst(3);
  arrivals[0].cost = 6;
  arrivals[1].cost = 5;
  arrivals[2].cost = 11;
  const Replayed replayed = replay({{api}, milliseconds(100)}, arrivals);
  EXPECT_EQ(replayed.dead, 1U);
  EXPECT_EQ(replayed.all.messages, 2U);
  EXPECT_EQ(replayed.all.units, 11U);
  EXPECT_EQ(replayed.all.last, milliseconds(11'100));
}

TEST(Replay, TheSameTwice) {
  const Upstream api =
      upstream({Limit{"key", LimitScope::kKey, 5, seconds(10), 2, seconds(1)},
                Limit{"all", LimitScope::kUpstream, 20, seconds(10), 5, seconds(1)}});
  std::vector<Arrival> arrivals;
  for (int i = 0; i < 2000; ++i) {
    arrivals.push_back({milliseconds(i * 37), "api", std::to_string(i * 7 % 13), 1, i + 1});
  }
  const Replayed one = replay({{api}, milliseconds(150)}, arrivals);
  const Replayed two = replay({{api}, milliseconds(150)}, arrivals);
  EXPECT_EQ(one.all.messages, 2000U);
  EXPECT_EQ(one.all.total, two.all.total);
  EXPECT_EQ(one.all.last, two.all.last);
  // 2,000 messages at 20 per 11.15 s and no faster.
  EXPECT_GT(one.all.last, seconds(1000));
  EXPECT_LT(one.all.last, seconds(1200));
}

TEST(Trace, CsvAndJsonSayTheSame) {
  const std::vector<Upstream> upstreams = {upstream({}), upstream({})};
  const auto csv =
      parse_trace("time,key,upstream,cost\n10.5,\"a, b\",api,3\n\n# no\n8,c\n", "t", upstreams);
  ASSERT_TRUE(csv.ok()) << csv.error().what;
  const auto json = parse_trace(
      "{\"time\": 10.5, \"key\": \"a, b\", \"upstream\": \"api\", \"cost\": 3}\n"
      "{\"key\":\"c\",\"time\":\"1970-01-01T00:00:08Z\"}\n",
      "t", upstreams);
  ASSERT_TRUE(json.ok()) << json.error().what;
  for (const auto* arrivals : {&*csv, &*json}) {
    ASSERT_EQ(arrivals->size(), 2U);
    EXPECT_EQ((*arrivals)[0].key, "c");
    EXPECT_EQ((*arrivals)[0].at, Duration{});
    EXPECT_EQ((*arrivals)[1].key, "a, b");
    EXPECT_EQ((*arrivals)[1].cost, 3U);
    EXPECT_EQ((*arrivals)[1].at, milliseconds(2500));
  }
}

TEST(Trace, WhatIsWrongIsNamedByItsLine) {
  const std::vector<Upstream> upstreams = {upstream({})};
  const std::pair<const char*, const char*> cases[] = {
      {"1,a\nsoon,b\n", "t:2: time: \"soon\""},
      {"1,a\n\n2,\n", "t:3: key"},
      {"1,a,other\n", "t:1: upstream: \"other\""},
      {"1,a,api,0\n", "t:1: cost: \"0\""},
      {"1,a,api,1,x\n", "t:1: more cells"},
      {"1,\"a\n", "t:1: a quote"},
      {"{\"time\":1,\"key\":\"a\"}\n{\"time\":1,\n", "t:2: no flat JSON"},
      {"{\"time\":1,\"key\":{\"a\":1}}\n", "t:1: no flat JSON"}};
  for (const auto& [text, says] : cases) {
    const auto read = parse_trace(text, "t", upstreams);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_TRUE(read.error().what.starts_with(says)) << read.error().what;
  }
}

}  // namespace
}  // namespace sluice::limiter
