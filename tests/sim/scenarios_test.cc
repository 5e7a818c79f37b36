// Seeds that once failed, by what they found. A seed's draws change when faults or settings are
// added; the name says what must go on being so.
#include <gtest/gtest.h>

#include "tests/sim/run.h"

namespace sluice::sim {
namespace {

void expect_kept(std::uint64_t seed) {
  const Report report = run_seed(seed);
  EXPECT_TRUE(report.broken.empty()) << line_of(report);
}

// Outcomes waited to be written while the store's clock was not known fresh enough: the limiter's
// deadline stayed in the past, and its loop spun for seconds.
TEST(Scenario, AnUnsureClockDoesNotSpinTheLimiter) {
  for (const std::uint64_t seed : {39U, 49U, 99U}) expect_kept(seed);
}

// While the store was slow many asks were under way at once, and each brought lines for an auditor
// that was away.
TEST(Scenario, AsksThatAreNotAnsweredCountAsLinesForTheAuditor) { expect_kept(6983); }

// The limiter was told of a penalty in the moment in which it knew no store time, and forgot it.
TEST(Scenario, AWarningToldWhileTimeIsUnknownIsKept) { expect_kept(7741); }

// A cancelled or expired row waits for the trail alone, or for a store that settles nothing now:
// what goes meanwhile overtakes nothing.
TEST(Scenario, WhatHasEndedIsNotOvertaken) {
  for (const std::uint64_t seed : {8426U, 10497U, 15390U}) expect_kept(seed);
}

// A key's first rows waited for the trail, as many as ingest reads at once: what a Want brought was
// always the same, and the rows behind them were overtaken.
TEST(Scenario, RowsBehindAPageOfEndingOnesAreOffered) { expect_kept(15606); }

// Memory was short: rows that had come in the middle of an answer were let go, those after them
// stayed; and those that were let go were asked for again at once, in a circle.
TEST(Scenario, WhatComesAfterARowWithoutRoomDoesNotStandBeforeIt) {
  for (const std::uint64_t seed : {1848U, 2920U}) expect_kept(seed);
}

// Memory was short: a line that was longer than what it asked for never heard of a row between.
TEST(Scenario, ALineHearsOfRowsBetween) { expect_kept(12522); }

// While the auditor was away each word of a person about a key brought a line that waited for it.
TEST(Scenario, WhatPeopleSayIsBoundedWhileTheAuditorIsAway) { expect_kept(11559); }

// An attempt given up at its lease's end had never started, and counted among the five.
TEST(Scenario, WhatNeverStartedIsNoAttempt) { expect_kept(24491); }

// The store was slower than a limiter is patient: each question about its clock that was said again
// brought one more.
TEST(Scenario, QuestionsAboutTheClockDoNotPileUp) { expect_kept(1404); }

// Limiters died while attempts were under way: the outcome of one message ended the other one with
// its identity.
TEST(Scenario, AnOutcomeEndsNoOtherMessageOfItsIdentity) { expect_kept(1865); }

}  // namespace
}  // namespace sluice::sim
