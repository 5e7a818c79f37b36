#include "lib/base/money.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace sluice {
namespace {

TEST(Money, KnownAmounts) {
  EXPECT_EQ(parse_dollars("0").value(), 0);
  EXPECT_EQ(parse_dollars("500").value(), 500'000'000'000);
  EXPECT_EQ(parse_dollars("12.50").value(), 12'500'000'000);
  EXPECT_EQ(parse_dollars("0.000000001").value(), 1);
  EXPECT_EQ(parse_dollars("9223372036.854775807").value(),
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(format_dollars(12'500'000'000), "12.5");
  EXPECT_EQ(format_dollars(12'500'000'000, 2), "12.50");
  EXPECT_EQ(format_dollars(-1), "-0.000000001");
  EXPECT_EQ(format_dollars(0), "0");
}

TEST(Money, WhatIsNoAmountIsRefused) {
  for (const char* text :
       {"", ".", "1.", ".5", "-1", "+1", "1e3", " 1", "1 ", "1,5", "0x1", "1.2.3", "0.0000000001",
        "9223372036.854775808", "99999999999999999999", "NaN"}) {
    EXPECT_FALSE(parse_dollars(text).ok()) << text;
  }
}

RC_GTEST_PROP(Money, FormatIsReadBack, ()) {
  const auto nano = *rc::gen::inRange<std::int64_t>(0, std::numeric_limits<std::int64_t>::max());
  const auto decimals = *rc::gen::inRange<std::size_t>(0, 10);
  RC_ASSERT(parse_dollars(format_dollars(nano, decimals)).value() == nano);
}

TEST(Money, SumsStopAtTheGreatestNumber) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(add_capped(1, 2), 3);
  EXPECT_EQ(add_capped(kMost, 1), kMost);
}

}  // namespace
}  // namespace sluice
