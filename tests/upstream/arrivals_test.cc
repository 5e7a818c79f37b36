#include "tests/upstream/arrivals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "lib/base/prng.h"

namespace sluice::upstream {
namespace {

std::size_t brute_force_fullest(const std::vector<Nanos>& times, Nanos span) {
  std::size_t most = 0;
  for (const Nanos from : times) {
    most = std::max(
        most, static_cast<std::size_t>(std::count_if(times.begin(), times.end(), [&](Nanos at) {
          return at >= from && at <= from + span;
        })));
  }
  return most;
}

TEST(Arrivals, TheWindowIsClosedAtBothEnds) {
  Arrivals arrivals(60);
  EXPECT_EQ(arrivals.add(100), 1u);
  EXPECT_EQ(arrivals.add(160), 2u);
  EXPECT_EQ(arrivals.add(161), 2u);
  EXPECT_EQ(arrivals.fullest(), 2u);
}

TEST(Arrivals, AnEarlierArrivalToldLaterIsCountedWhereItBelongs) {
  Arrivals arrivals(60);
  arrivals.add(100);
  arrivals.add(170);
  EXPECT_EQ(arrivals.add(130), 2u);
  EXPECT_EQ(arrivals.add(131), 3u);  // [100, 160] has 100, 130, 131
}

TEST(Arrivals, AgreesWithBruteForce) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    const Nanos span = prng.between(0, 50);
    Arrivals arrivals(span);
    std::vector<Nanos> times;
    Nanos at = 0;
    for (int i = 0; i < 80; ++i) {
      at += prng.between(0, 12);
      times.push_back(std::max<Nanos>(0, at - prng.between(0, 20)));
      arrivals.add(times.back());
      ASSERT_EQ(arrivals.fullest(), brute_force_fullest(times, span)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace sluice::upstream
