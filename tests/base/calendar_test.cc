#include "lib/base/calendar.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice {
namespace {

TEST(Calendar, KnownTimes) {
  EXPECT_EQ(timestamp_of({}), "1970-01-01T00:00:00.000000Z");
  const StoreTime at{1'795'227'840'000'001};
  EXPECT_EQ(timestamp_of(at), "2026-11-21T02:24:00.000001Z");
  EXPECT_EQ(month_of(at), "2026-11");
  EXPECT_EQ(day_of(at), "2026-11-21");
  EXPECT_EQ(hour_of(at), "2026-11-21T02");
  EXPECT_EQ(day_of({951'782'400'000'000}), "2000-02-29");
  EXPECT_EQ(day_of({-1}), "1969-12-31");
}

TEST(Calendar, WhatIsNoTimeIsRefused) {
  for (const char* text : {"", "2026", "2026-13-01", "2026-02-29", "2026-11-21T",
                           "2026-11-21T24:00:00Z", "2026-11-21T02:24:00", "2026-11-21T02:24:00.Z",
                           "2026-11-21 02:24:00Z", "2026-11-21T02:24:00.0000001Z", "2026-11-21x"}) {
    EXPECT_FALSE(parse_time(text).has_value()) << text;
  }
  EXPECT_EQ(parse_time("2026-11-21T02:24:00.5Z")->us, 1'795'227'840'500'000);
  EXPECT_EQ(parse_time("1970-01-02")->us, 86'400'000'000);
}

RC_GTEST_PROP(Calendar, TimesAreReadBack, ()) {
  const StoreTime at{*rc::gen::inRange<std::int64_t>(0, 253'402'300'800'000'000)};
  RC_ASSERT(parse_time(timestamp_of(at)) == at);
}

}  // namespace
}  // namespace sluice
