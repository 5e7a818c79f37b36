// The limiter's core in a small hostile world: nothing lost, nothing over, nothing repeated by
// choice, nothing stuck.
#include "limiter/core.h"

#include <gtest/gtest.h>

#include "tests/limiter/core_world.h"

namespace sluice::limiter {
namespace {

using testing::World;
using testing::WorldFaults;

Config config_of(std::uint32_t n = 10, Duration window = seconds(60), std::uint32_t burst = 3) {
  Config config;
  Upstream upstream;
  upstream.name = "api";
  upstream.url = "http://127.0.0.1:8090";
  upstream.limits = {Limit{"per-key", LimitScope::kKey, n, window, burst, seconds(1)}};
  config.upstreams = {upstream};
  return config;
}

TEST(Core, DeliversAMessage) {
  World world(1, config_of(), {});
  world.run_for(seconds(2));
  world.post_row("api:a", "1");
  ASSERT_TRUE(world.run_until_settled(seconds(1)));
  EXPECT_EQ(world.settled.begin()->second.settlement, wire::Settlement::kDelivered);
  EXPECT_TRUE(world.problems.empty());
  world.run_for(seconds(10));
  EXPECT_EQ(world.core().messages(), 0U);
  EXPECT_EQ(world.core().keys(), 0U);
  EXPECT_EQ(world.core().unrecorded(), 0U);
}

TEST(Core, ElevenAtOnceGoAsTheLimitSays) {
  World world(2, config_of(), {});
  world.run_for(seconds(2));
  const StoreTime start = world.store_now();
  for (int i = 0; i < 11; ++i) world.post_row("api:a", std::to_string(i));
  ASSERT_TRUE(world.run_until_settled(seconds(90)));
  ASSERT_EQ(world.arrivals.size(), 11U);
  const auto after = [&](std::size_t i) {
    return static_cast<double>((world.arrivals[i].first - start).us) / 1e6;
  };
  EXPECT_LT(after(2), 1.0);
  EXPECT_NEAR(after(3), 6.0, 0.5);
  EXPECT_NEAR(after(9), 42.0, 0.6);
  EXPECT_NEAR(after(10), 61.2, 0.6);
  EXPECT_EQ(world.fullest("api:a", seconds(60)), 10U);
}

struct Weather {
  const char* name;
  WorldFaults faults;
};

class Hostile : public ::testing::TestWithParam<Weather> {};

TEST_P(Hostile, EverythingSettlesAndNothingIsOver) {
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    Config config = config_of(10, seconds(6), 3);
    config.upstreams[0].limits[0].guard = milliseconds(600);
    config.upstreams[0].timeout = seconds(5);
    config.upstreams[0].max_pause = seconds(10);
    config.upstreams[0].unknown_hold = seconds(10);
    config.upstreams[0].attempts_max = 50;
    World world(seed, config, GetParam().faults);
    for (int i = 0; i < 150; ++i) {
      const std::string key = "api:" + std::to_string(i % 5);
      world.at(milliseconds(i * 150), [&world, key, i] {
        if (i % 3 == 0) {
          world.post_copy(key, std::to_string(i));
        } else {
          world.post_row(key, std::to_string(i));
        }
      });
    }
    world.run_for(seconds(120));
    world.stop_faults();
    ASSERT_TRUE(world.run_until_settled(seconds(600)))
        << GetParam().name << " seed " << seed << ": " << world.unsettled() << " left"
        << world.left();
    EXPECT_TRUE(world.problems.empty()) << world.problems.front();
    EXPECT_EQ(world.settled.size(), 150U);
    for (int k = 0; k < 5; ++k) {
      EXPECT_LE(world.fullest("api:" + std::to_string(k), seconds(6)), 10U) << seed;
    }
    if (GetParam().faults.outcome_failed == 0 && GetParam().faults.throttled == 0) {
      for (const auto& [identity, n] : world.attempts) {
        if (world.unknown.contains(identity)) continue;
        EXPECT_EQ(n, 1) << seed;
      }
    }
    world.run_for(seconds(30));
    EXPECT_EQ(world.core().messages(), 0U) << seed;
    EXPECT_EQ(world.core().unrecorded(), 0U) << seed;
    EXPECT_LT(world.ticks, 400'000U);
  }
}

WorldFaults with(std::function<void(WorldFaults&)> change) {
  WorldFaults faults;
  change(faults);
  return faults;
}

INSTANTIATE_TEST_SUITE_P(
    Weathers, Hostile,
    ::testing::Values(
        Weather{"calm", {}}, Weather{"store_replies_lost", with([](WorldFaults& f) {
                                       f.store_lost_before = 50'000;
                                       f.store_lost_after = 50'000;
                                       f.store_fails = 50'000;
                                       f.store_late = 50'000;
                                     })},
        Weather{"links_cut", with([](WorldFaults& f) { f.cut_every = seconds(2); })},
        Weather{"limiter_dies", with([](WorldFaults& f) { f.limiter_dies_every = seconds(7); })},
        Weather{"dispatcher_dies",
                with([](WorldFaults& f) { f.dispatcher_dies_every = seconds(7); })},
        Weather{"ingest_dies", with([](WorldFaults& f) { f.ingest_dies_every = seconds(5); })},
        Weather{"auditor_away", with([](WorldFaults& f) { f.auditor_away_every = seconds(15); })},
        Weather{"upstream_fails", with([](WorldFaults& f) {
                  f.outcome_failed = 200'000;
                  f.outcome_unknown = 50'000;
                  f.throttled = 50'000;
                })},
        Weather{"everything", with([](WorldFaults& f) {
                  f.store_lost_before = 20'000;
                  f.store_lost_after = 20'000;
                  f.store_fails = 20'000;
                  f.store_late = 20'000;
                  f.cut_every = seconds(5);
                  f.limiter_dies_every = seconds(20);
                  f.dispatcher_dies_every = seconds(20);
                  f.ingest_dies_every = seconds(15);
                  f.auditor_away_every = seconds(30);
                  f.outcome_failed = 50'000;
                  f.outcome_unknown = 20'000;
                })}),
    [](const auto& weather) { return std::string(weather.param.name); });

}  // namespace
}  // namespace sluice::limiter
