#include "lib/base/prng.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice {
namespace {

TEST(Prng, SameSeedSameNumbers) {
  Prng one(7);
  Prng two(7);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(one.next(), two.next());
}

TEST(Prng, SeedsDiffer) {
  std::set<std::uint64_t> firsts;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) firsts.insert(Prng(seed).next());
  EXPECT_EQ(firsts.size(), 1000U);
}

TEST(Prng, BelowAndBetweenStayInside) {
  Prng prng(1);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(prng.below(3), 3U);
    const std::int64_t drawn = prng.between(-2, 2);
    EXPECT_GE(drawn, -2);
    EXPECT_LE(drawn, 2);
    seen.insert(drawn);
  }
  EXPECT_EQ(seen.size(), 5U);
}

TEST(Prng, ChanceIsRoughlyWhatItSays) {
  Prng prng(2);
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) hits += prng.chance(250'000) ? 1 : 0;
  EXPECT_NEAR(hits, 25'000, 1'000);
}

}  // namespace
}  // namespace sluice
