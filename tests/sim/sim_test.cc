// Seeds of the whole system, the same seed twice, and every saboteur.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "tests/sim/run.h"

namespace sluice::sim {
namespace {

std::uint64_t seeds_wanted() {
  const char* said = std::getenv("SLUICE_SIM_SEEDS");
  return said ? std::strtoull(said, nullptr, 10) : 200;
}

TEST(Simulation, SeedsKeepEveryPromise) {
  for (std::uint64_t seed = 1; seed <= seeds_wanted(); ++seed) {
    const Report report = run_seed(seed);
    EXPECT_TRUE(report.broken.empty()) << line_of(report);
  }
}

TEST(Simulation, TheSameSeedIsTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    EXPECT_EQ(run_seed(seed).hash, run_seed(seed).hash) << "seed " << seed;
    EXPECT_NE(run_seed(seed).hash, run_seed(seed + 1).hash) << "seed " << seed;
  }
}

// The faults that would let these show are not drawn yet; listed in tests/skips.txt.
const std::set<std::string_view> kNotCaughtYet = {
    "rule 1: any empty answer forgets a key", "rule 3: a full line turns older rows away",
    "rule 4: copies go beside rows", "a repeated grant is dispatched again",
    "a penalty closes nothing"};

class Sabotage : public testing::TestWithParam<Saboteur> {};

TEST_P(Sabotage, IsCaught) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Report report = run_seed(seed, &GetParam());
    if (report.broken.empty()) continue;
    std::printf("%s\n", line_of(report, &GetParam()).c_str());
    return;
  }
  if (kNotCaughtYet.contains(GetParam().name)) GTEST_SKIP() << "no seed catches it yet";
  ADD_FAILURE() << GetParam().name << " was not caught by 50 seeds";
}

INSTANTIATE_TEST_SUITE_P(All, Sabotage, testing::ValuesIn(saboteurs()), [](const auto& tested) {
  std::string name;
  for (const char c : tested.param.name) name += std::isalnum(c) ? c : '_';
  return name;
});

}  // namespace
}  // namespace sluice::sim
