// Limits that are edited while it runs, or between two runs: the store's lines of it reach the
// trail.
#include <gtest/gtest.h>

#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

Config tighter() { return Bench::config(5); }

std::vector<wire::Record> edits(const Bench& bench) {
  auto lines = bench.said<wire::Record>();
  std::erase_if(lines, [](const auto& line) { return line.kind != wire::RecordKind::kLimits; });
  return lines;
}

TEST(Edit, IsALineOfTheTrailUntilItIsRecorded) {
  Started s;
  s.bench.edit(tighter());
  ASSERT_EQ(edits(s.bench).size(), 1U);
  const wire::Record line = edits(s.bench)[0];
  EXPECT_EQ(line.limits_version, limits_version("api", tighter().upstreams[0].limits));
  EXPECT_EQ(line.upstream, "api");
  EXPECT_NE(line.reason.find("per-key: 5 per 60000ms"), std::string::npos) << line.reason;
  s.bench.pass(seconds(20));
  EXPECT_GT(edits(s.bench).size(), 1U);  // said again
  s.bench.say(s.auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
  s.bench.pass(seconds(1));
  s.bench.clear();
  s.dispatch_one();
  s.bench.pass(seconds(20));
  EXPECT_TRUE(edits(s.bench).empty());  // the store's outbox does not bring it back
}

TEST(Edit, AnHeirSaysTheLineOfAnEditThatNobodyRecorded) {
  Bench bench(Bench::config());
  bench.edit(tighter());
  Config heir = tighter();
  heir.life = 2;
  bench.core = std::make_unique<LimiterCore>(heir, 8);
  bench.up(wire::Role::kAuditor);
  bench.pass(milliseconds(1));
  EXPECT_EQ(edits(bench).size(), 1U);
}

}  // namespace
}  // namespace sluice::limiter
