#include "lib/wire/limits.h"

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

TEST(Limits, ComeBackFromTheirRowsAsTheyWere) {
  sluice::Limit rate{"10 per 60s", sluice::LimitScope::kKey, 10, seconds(60), 3, seconds(2)};
  sluice::Limit open{"at once", sluice::LimitScope::kUpstream};
  open.kind = sluice::LimitKind::kConcurrency;
  sluice::Limit shadow = rate;
  shadow.name = "trial";
  shadow.shadow = true;
  const std::vector<sluice::Limit> limits = {rate, open, shadow};
  EXPECT_EQ(limits_of(rows_of(limits)), limits);
}

TEST(Limits, AVersionIsOfOneUpstreamAndOfEverythingInItsLimits) {
  const std::vector<sluice::Limit> limits = {{"a"}, {"b"}};
  const std::uint64_t version = limits_version("up", limits);
  EXPECT_EQ(limits_version("up", limits), version);
  EXPECT_NE(limits_version("other", limits), version);
  for (int field = 0; field < 8; ++field) {
    std::vector<sluice::Limit> edited = limits;
    sluice::Limit& one = edited[1];
    if (field == 0) one.name = "c";
    if (field == 1) one.scope = sluice::LimitScope::kUpstream;
    if (field == 2) one.n = 11;
    if (field == 3) one.window = seconds(61);
    if (field == 4) one.burst = 2;
    if (field == 5) one.guard = seconds(2);
    if (field == 6) one.kind = sluice::LimitKind::kConcurrency;
    if (field == 7) one.shadow = true;
    EXPECT_NE(limits_version("up", edited), version) << field;
  }
  EXPECT_NE(limits_version("up", {}), 0U);
}

}  // namespace
}  // namespace sluice::wire
