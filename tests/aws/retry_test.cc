#include "lib/aws/retry.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::aws {
namespace {

TEST(Retry, ThreeAttemptsWithFullJitter) {
  RetryQuota quota;
  Prng chance(1);
  Duration longest;
  for (int i = 0; i < 40; ++i) {
    const auto next = again({2, false, {}}, quota, chance);
    ASSERT_TRUE(next.has_value());
    EXPECT_GE(next->after, Duration{});
    EXPECT_LE(next->after, seconds(2));
    longest = std::max(longest, next->after);
  }
  EXPECT_GT(longest, seconds(1));
  EXPECT_FALSE(again({3, false, {}}, quota, chance).has_value());
}

TEST(Retry, NoSoonerThanTheServiceSays) {
  RetryQuota quota;
  Prng chance(1);
  EXPECT_EQ(again({1, false, seconds(7)}, quota, chance)->after, seconds(7));
  EXPECT_EQ(again({1, false, hours(7)}, quota, chance)->after, seconds(20));
}

TEST(Retry, TheQuotaEndsStorms) {
  RetryQuota quota;
  Prng chance(1);
  int more = 0;
  while (const auto next = again({1, true, {}}, quota, chance)) {
    EXPECT_EQ(next->taken, RetryQuota::kAfterTimeout);
    ++more;
  }
  EXPECT_EQ(more, 50);
  quota.give_back(0);
  EXPECT_EQ(quota.left(), 1);
  EXPECT_FALSE(again({1, false, {}}, quota, chance).has_value());
  quota.give_back(RetryQuota::kAfterTimeout);
  EXPECT_TRUE(again({1, true, {}}, quota, chance).has_value());
  for (int i = 0; i < 100; ++i) quota.give_back(10);
  EXPECT_EQ(quota.left(), RetryQuota::kAll);
}

}  // namespace
}  // namespace sluice::aws
