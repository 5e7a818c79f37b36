// Keys that compete for what they share: a limit of the whole upstream, a dispatcher's room.
#include <gtest/gtest.h>

#include <map>

#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

Config shared(std::uint32_t n, Duration window) {
  Config config = Bench::config();
  config.upstreams[0].limits = {Limit{"all", LimitScope::kUpstream, n, window, 1, seconds(1)}};
  return config;
}

wire::Offer offer_of(const Bench& bench, const std::string& key, int i, std::uint32_t cost = 1,
                     std::uint32_t weight = 1) {
  wire::Offer offer = bench.offer(key + std::to_string(i), i + 1);
  offer.key = "api:" + key;
  offer.cost = cost;
  offer.weight = weight;
  return offer;
}

// Answers everything at once until `span` is over; units of each key that went.
std::map<std::string, int> serve(Started& s, Duration span,
                                 const std::map<std::string, std::uint32_t>& cost = {}) {
  std::map<std::string, int> units;
  const Instant end = s.bench.now + span;
  while (s.bench.now < end) {
    const auto dispatches = s.bench.said<wire::Dispatch>();
    s.bench.clear();
    for (const wire::Dispatch& dispatch : dispatches) {
      const auto at = cost.find(dispatch.key);
      units[dispatch.key] += at == cost.end() ? 1 : static_cast<int>(at->second);
      s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
    }
    for (const wire::Record& line : s.bench.said<wire::Record>()) {
      s.bench.say(s.auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
    }
    if (s.bench.said<wire::Dispatch>().empty()) s.bench.pass(milliseconds(500));
  }
  return units;
}

TEST(Fair, SharesOfAnUpstreamsLimitFollowWeights) {
  Started s(shared(10, seconds(10)));
  for (int i = 0; i < 32; ++i) {
    s.bench.say(s.ingest, offer_of(s.bench, "light", i, 1, 1));
    s.bench.say(s.ingest, offer_of(s.bench, "heavy", i, 1, 3));
  }
  const auto units = serve(s, seconds(32));
  EXPECT_GE(units.at("api:heavy") + units.at("api:light"), 28);
  EXPECT_NEAR(units.at("api:heavy"), 3 * units.at("api:light"), 4);
}

// A dear message waits until its whole cost is free; what is cheap does not spend it before it.
TEST(Fair, ADearMessageDoesNotStarve) {
  Started s(shared(10, seconds(10)));
  s.bench.say(s.ingest, offer_of(s.bench, "dear", 0, 8));
  for (int i = 0; i < 30; ++i) {
    for (const char* key : {"a", "b", "c", "d"}) s.bench.say(s.ingest, offer_of(s.bench, key, i));
  }
  for (int i = 1; i < 9; ++i) s.bench.say(s.ingest, offer_of(s.bench, "dear", i, 8));
  const auto units = serve(s, seconds(120), {{"api:dear", 8}});
  ASSERT_TRUE(units.contains("api:dear"));
  const int others = units.at("api:a") + units.at("api:b") + units.at("api:c") + units.at("api:d");
  EXPECT_GE(units.at("api:dear"), 16);
  EXPECT_NEAR(units.at("api:dear"), others / 4.0, 9);  // an equal share, up to a message
  EXPECT_GE(others, 60);
}

TEST(Fair, AMillionOfCostAndOneOfCostShareAlike) {
  Started s(shared(1'000'000, seconds(10)));
  s.bench.say(s.ingest, offer_of(s.bench, "dear", 0, 1'000'000));
  s.bench.say(s.ingest, offer_of(s.bench, "cheap", 0));
  const auto units = serve(s, seconds(25), {{"api:dear", 1'000'000}});
  EXPECT_EQ(units.at("api:dear"), 1'000'000);
  EXPECT_EQ(units.at("api:cheap"), 1);
}

TEST(Fair, WhenTheUpstreamIsFullTheNextKeepsItsTurn) {
  Started s(shared(1, seconds(10)));
  for (const char* key : {"a", "b", "c", "d"}) s.bench.say(s.ingest, offer_of(s.bench, key, 0));
  std::string order;
  for (int i = 0; i < 4; ++i) {
    const auto dispatches = s.bench.said<wire::Dispatch>();
    ASSERT_EQ(dispatches.size(), 1U) << i;
    order += dispatches[0].key.back();
    s.bench.clear();
    s.bench.say(s.dispatcher, s.bench.outcome(dispatches[0], wire::Ended::kDelivered));
    s.bench.say(s.ingest, offer_of(s.bench, "z" + std::to_string(i), 0));  // newcomers
    s.bench.pass(seconds(12));
  }
  EXPECT_EQ(order, "abcd");
}

TEST(Fair, RoomAtADispatcherFollowsWeights) {
  Config config = Bench::config(1'000, seconds(10), 1'000);
  config.upstreams[0].in_flight_per_key = 4;
  Started s(config);
  s.bench.credit(s.dispatcher, 4);
  for (int i = 0; i < 30; ++i) {
    s.bench.say(s.ingest, offer_of(s.bench, "light", i, 1, 1));
    s.bench.say(s.ingest, offer_of(s.bench, "heavy", i, 1, 3));
  }
  std::map<std::string, int> sent;
  for (int i = 0; i < 32;) {
    const auto dispatches = s.bench.said<wire::Dispatch>();
    s.bench.clear();
    ASSERT_FALSE(dispatches.empty());
    for (const wire::Dispatch& dispatch : dispatches) {
      ++sent[dispatch.key];
      ++i;
      s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
    }
  }
  EXPECT_NEAR(sent.at("api:heavy"), 3 * sent.at("api:light"), 6);
}

}  // namespace
}  // namespace sluice::limiter
