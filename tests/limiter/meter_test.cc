#include "limiter/meter.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/limiter/meter_oracle.h"

namespace sluice::limiter {
namespace {

using wire::Wait;

constexpr Limit limit_of(std::uint32_t n, Duration window, std::uint32_t burst) {
  Limit limit;
  limit.n = n;
  limit.window = window;
  limit.burst = burst;
  return limit;
}
StoreTime at(std::int64_t s) { return StoreTime{} + seconds(1'000 + s); }
Slot slot(std::uint32_t serial, StoreTime granted_at) {
  return {{"m", serial}, true, 1, granted_at + seconds(72), granted_at};
}

TEST(Meter, a_completion_only_moves_later) {
  const Limit limit = limit_of(10, seconds(60), 3);
  const Meter meter(limit, seconds(60));
  LimitLog log;
  meter.take(log, slot(1, at(0)));
  meter.complete(log, {"m", 1}, 1, at(5));
  meter.complete(log, {"m", 1}, 1, at(3));
  EXPECT_EQ(log.slots.at(0).at, at(5));
  meter.complete(log, {"m", 1}, 1, at(9));
  EXPECT_EQ(log.slots.at(0).at, at(9));
}

TEST(Meter, a_slot_that_is_gone_comes_back) {
  const Limit limit = limit_of(1, seconds(60), 1);
  const Meter meter(limit, seconds(60));
  LimitLog log;
  meter.complete(log, {"m", 1}, 1, at(0));
  EXPECT_EQ(meter.decide(log, 1, at(10)), (Verdict{Wait::kWindowFull, at(61)}));
}

TEST(Meter, an_open_slot_counts_until_unknown_hold_after_its_lease) {
  const Limit limit = limit_of(1, seconds(60), 1);
  const Meter meter(limit, seconds(60));
  LimitLog log;
  meter.take(log, slot(1, at(0)));
  EXPECT_EQ(meter.decide(log, 1, at(70)).until, at(70 + 61));  // at the earliest
  EXPECT_EQ(meter.decide(log, 1, at(72)).until, at(72 + 60 + 61));
  LimitLog pruned = log;
  meter.prune(pruned, at(72 + 60 + 61) - microseconds(1));
  EXPECT_EQ(pruned, log);
  meter.prune(pruned, at(72 + 60 + 61));
  EXPECT_TRUE(pruned.slots.empty());
}

TEST(Meter, the_closed_edge) {
  const Limit limit = limit_of(1, seconds(60), 1);
  const Meter meter(limit, seconds(60));
  LimitLog log;
  meter.take(log, slot(1, at(0)));
  meter.complete(log, {"m", 1}, 1, at(1));
  EXPECT_EQ(meter.decide(log, 1, at(62) - microseconds(1)).why, Wait::kWindowFull);
  EXPECT_EQ(meter.decide(log, 1, at(62)).why, Wait::kNone);
}

TEST(Meter, room) {
  const Limit limit = limit_of(4, seconds(60), 3);
  const Meter meter(limit, seconds(60));
  LimitLog log;
  EXPECT_EQ(meter.room(log, at(0)), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) meter.take(log, slot(i, at(0)));
  EXPECT_EQ(meter.room(log, at(14)), 0u);
  EXPECT_EQ(meter.room(log, at(15)), 1u);
  EXPECT_EQ(meter.room(log, at(45)), 1u);
}

// ---- against brute force ----

TEST(MeterOracle, never_over_and_exact) {
  std::uint64_t arrivals = 0;
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    const OracleResult result = run_oracle(seed);
    ASSERT_LE(result.fullest, result.n) << "seed " << seed;
    ASSERT_TRUE(result.exact) << "seed " << seed;
    arrivals += result.arrivals;
  }
  EXPECT_GT(arrivals, 100'000u);
}

TEST(MeterOracle, never_over_for_any_seed) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    const OracleResult result = run_oracle(seed);
    RC_ASSERT(result.fullest <= result.n);
  }));
}

struct Mutant {
  const char* name;
  BrokenMeter broken;
};
class MeterMutant : public testing::TestWithParam<Mutant> {};

// How many of 300 runs see it.
TEST_P(MeterMutant, is_seen) {
  int seen = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const OracleResult result = run_oracle(seed, GetParam().broken);
    seen += result.fullest > result.n ? 1 : 0;
  }
  RecordProperty("runs_over_of_300", seen);
  EXPECT_GT(seen, 3) << GetParam().name;
}

BrokenMeter broken(bool BrokenMeter::*rule) {
  BrokenMeter meter;
  meter.*rule = true;
  return meter;
}

INSTANTIATE_TEST_SUITE_P(
    Planted, MeterMutant,
    testing::Values(Mutant{"no_guard", broken(&BrokenMeter::no_guard)},
                    Mutant{"completion_dropped", broken(&BrokenMeter::completion_dropped)},
                    Mutant{"no_reinsert", broken(&BrokenMeter::no_reinsert)},
                    Mutant{"lease_end_frees", broken(&BrokenMeter::lease_end_frees)},
                    Mutant{"unknown_is_answer", broken(&BrokenMeter::unknown_is_answer)},
                    Mutant{"one_too_many", broken(&BrokenMeter::one_too_many)}),
    [](const auto& mutant) { return std::string(mutant.param.name); });

}  // namespace
}  // namespace sluice::limiter
