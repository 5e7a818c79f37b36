#include "tests/conformance/store_trace.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/conformance/store_medley.h"

namespace sluice::limiter {
namespace {

STORE_SUITE(StoreP1);

// P1 through the store's calls, with everything in the way that it must survive.
TEST_P(StoreP1, never_over) {
  const std::string& name = GetParam().name;
  // The promotions of a cluster take their time.
  const std::uint64_t seeds = name == "memory" ? 120 : name == "redis_cluster" ? 2 : 6;
  std::size_t arrivals = 0, settled = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const StoreConfig config = trace_config(seed);
    const auto rig = GetParam().make(config, kStart);
    StoreTrace trace({rig.get()}, config, seed);
    for (int i = 0; i < 2'000; ++i) trace.step();
    ASSERT_EQ(trace.over(), 0u) << "seed " << seed;
    arrivals += trace.arrivals();
    settled += trace.settled();
  }
  EXPECT_GT(arrivals, seeds * 50);
  EXPECT_GT(settled, seeds * 20);
}

TEST_P(StoreP1, never_over_while_its_clock_steps) {
  const std::uint64_t seeds = GetParam().name == "memory" ? 60 : 4;
  std::size_t arrivals = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const StoreConfig config = trace_config(seed);
    const auto rig = GetParam().make(config, kStart);
    StoreTrace trace({rig.get()}, config, seed, {.put_back = 0, .steps = 5'000});
    for (int i = 0; i < 2'000; ++i) trace.step();
    ASSERT_EQ(trace.over(), 0u) << "seed " << seed;
    arrivals += trace.arrivals();
  }
  EXPECT_GT(arrivals, seeds * 20);
}

// Every store gives the answers of the one in memory, to the last field.
TEST(StoreDifferential, all_say_the_same) {
  const auto kinds = store_kinds();
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const StoreConfig config = trace_config(seed);
    std::vector<std::unique_ptr<StoreRig>> rigs;
    std::vector<StoreRig*> all;
    for (const StoreKind& kind : kinds) {
      rigs.push_back(kind.make(config, kStart));
      all.push_back(rigs.back().get());
    }
    StoreTrace trace(all, config, seed);
    for (int i = 0; i < 1'000 && trace.difference().empty(); ++i) trace.step();
    ASSERT_EQ(trace.difference(), "") << "seed " << seed;
  }
}

// Whatever is said, in whatever order. SLUICE_MEDLEYS=N runs so many instead.
void say_medleys(const std::vector<StoreKind>& kinds, std::size_t limiters) {
  const char* wanted = std::getenv("SLUICE_MEDLEYS");
  const char* from = std::getenv("SLUICE_MEDLEY_FROM");
  const std::uint64_t first = from == nullptr ? 1 : std::strtoull(from, nullptr, 10);
  const std::uint64_t last = first + (wanted == nullptr ? 12 : std::strtoull(wanted, nullptr, 10));
  std::uint64_t granted = 0, settled = 0;
  for (std::uint64_t seed = first; seed < last; ++seed) {
    StoreMedley medley(kinds, seed, limiters);
    for (int i = 0; i < 1'000 && medley.difference().empty(); ++i) medley.step();
    ASSERT_EQ(medley.difference(), "") << "seed " << seed;
    granted += medley.granted(), settled += medley.settled();
  }
  EXPECT_GT(granted, (last - first) * 20);
  EXPECT_GT(settled, (last - first) * 20);
}

TEST(StoreDifferential, any_calls_are_answered_alike) { say_medleys(store_kinds(), 1); }
TEST(StoreDifferential, any_calls_of_limiters_that_differ_are_answered_alike) {
  say_medleys(shared_kinds(), 3);
}

}  // namespace
}  // namespace sluice::limiter
