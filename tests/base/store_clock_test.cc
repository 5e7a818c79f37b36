#include "lib/base/store_clock.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

RoundTrip trip(std::int64_t sent_ms, std::int64_t received_ms, std::int64_t low_ms,
               std::int64_t high_ms) {
  return {{sent_ms * 1000}, {received_ms * 1000}, {{low_ms * 1000}, {high_ms * 1000}}};
}

TEST(StoreClock, KnowsNothingAtFirst) {
  StoreClock clock;
  EXPECT_FALSE(clock.bounds({0}));
  EXPECT_GT(clock.age({0}), hours(24));
}

TEST(StoreClock, ARoundTripBoundsFromBothSides) {
  StoreClock clock;
  EXPECT_EQ(clock.hear(trip(100, 110, 5000, 5002)), StoreClock::Heard::kLearnt);
  const auto bounds = clock.bounds({110'000});
  ASSERT_TRUE(bounds);
  EXPECT_EQ(bounds->low.us, 5'000'000);
  EXPECT_GE(bounds->high.us, 5'012'000);  // it may have been read just before it left
  EXPECT_LE(bounds->high.us, 5'012'010);
  EXPECT_EQ(clock.age({110'000}), milliseconds(10));
}

TEST(StoreClock, BoundsWidenByDriftOnly) {
  StoreClock clock;
  (void)clock.hear(trip(0, 0, 1000, 1000));
  const auto bounds = clock.bounds({10'000'000});
  ASSERT_TRUE(bounds);
  EXPECT_NEAR(static_cast<double>(bounds->low.us), 11'000'000 - 2000, 2);
  EXPECT_NEAR(static_cast<double>(bounds->high.us), 11'000'000 + 2000, 2);
}

TEST(StoreClock, ABetterRoundTripTightensAWorseOneDoesNotLoosen) {
  StoreClock clock;
  (void)clock.hear(trip(0, 100, 1000, 1000));
  (void)clock.hear(trip(200, 201, 1150, 1150));
  (void)clock.hear(trip(300, 900, 1250, 1250));
  const auto bounds = clock.bounds({900'000});
  ASSERT_TRUE(bounds);
  EXPECT_GE(bounds->low.us, 1'849'000 - 2000);
  EXPECT_LE(bounds->high.us, 1'851'000 + 2000);
}

TEST(StoreClock, AContradictionForgetsAndThenLearnsAnew) {
  StoreClock clock;
  (void)clock.hear(trip(0, 1, 1000, 1000));
  EXPECT_EQ(clock.hear(trip(10, 11, 9000, 9000)), StoreClock::Heard::kContradicts);
  EXPECT_FALSE(clock.bounds({11'000}));
  EXPECT_EQ(clock.hear(trip(20, 21, 9010, 9010)), StoreClock::Heard::kLearnt);
  EXPECT_TRUE(clock.bounds({21'000}));
}

// Both clocks are slewed by NTP, 500 ppm each way: trips that follow each other agree all the same.
TEST(StoreClock, AClockThatIsSlewedContradictsNothing) {
  StoreClock clock;
  for (std::int64_t at = 0; at < 600'000'000; at += 2'000'000) {
    const StoreTime store{5'000'000'000 + at + at * 700 / 1'000'000};
    ASSERT_EQ(clock.hear({{at}, {at + 100}, {store, store}}), StoreClock::Heard::kLearnt) << at;
    ASSERT_LE(clock.bounds({at + 100})->low, store + microseconds(100));
    ASSERT_GE(clock.bounds({at + 100})->high, store + microseconds(100));
  }
}

// However many trips there are: what is forgiven grows back by 500 ppm of the time, so that in any
// window the bounds are led astray by no more than 10 ms and 700 ppm of it.
TEST(StoreClock, NoClockIsForgivenMoreThanItsShare) {
  StoreClock clock;
  Duration ahead;
  std::int64_t at = 0;
  for (; at < 60'000'000; at += 10'000) {
    const Duration more = ahead + milliseconds(1);
    StoreClock probe = clock;
    const StoreTime store = StoreTime{5'000'000'000 + at} + more;
    if (probe.hear({{at}, {at}, {store, store}}) == StoreClock::Heard::kContradicts) continue;
    clock = probe;
    ahead = more;
  }
  EXPECT_GT(ahead, milliseconds(20));
  EXPECT_LE(ahead.us, 10'000 + at * 700 / 1'000'000 + 1'000);
}

TEST(StoreClock, AMissOfMoreContradicts) {
  for (const std::int64_t off_ms : {12, -12}) {
    StoreClock clock;
    (void)clock.hear(trip(0, 1, 1000, 1000));
    EXPECT_EQ(clock.hear(trip(1, 2, 1001 + off_ms, 1001 + off_ms)),
              StoreClock::Heard::kContradicts);
  }
}

}  // namespace
}  // namespace sluice
