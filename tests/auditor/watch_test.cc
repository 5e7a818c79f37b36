#include "auditor/watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "lib/base/prng.h"

namespace sluice::auditor {
namespace {

Upstream upstream_of(std::uint32_t n, Duration window, LimitScope scope = LimitScope::kKey) {
  Upstream upstream;
  upstream.name = "u";
  upstream.limits = {Limit{"l", scope, n, window, n, seconds(1)}};
  return upstream;
}

AttemptSeen attempt(int n, std::int64_t granted, std::int64_t completed, bool answered = true) {
  AttemptSeen seen;
  seen.upstream = "u";
  seen.key = "k";
  seen.message = std::to_string(n);
  seen.serial = 1;
  seen.granted = {granted};
  seen.completed = {completed};
  seen.answered = answered;
  return seen;
}

// Straight from the definition: for every choice of first grant, those that lie whole in [L, L+W].
bool certain_by_force(const std::vector<AttemptSeen>& all, std::uint32_t n, std::int64_t window) {
  return std::any_of(all.begin(), all.end(), [&](const AttemptSeen& first) {
    const auto inside = std::count_if(all.begin(), all.end(), [&](const AttemptSeen& one) {
      return one.answered && one.granted >= first.granted &&
             one.completed.us <= first.granted.us + window;
    });
    return inside > static_cast<std::ptrdiff_t>(n);
  });
}

bool possible_by_force(const std::vector<AttemptSeen>& all, std::uint32_t n, std::int64_t window) {
  return std::any_of(all.begin(), all.end(), [&](const AttemptSeen& first) {
    const auto touching = std::count_if(all.begin(), all.end(), [&](const AttemptSeen& one) {
      return one.completed >= first.completed && one.granted.us <= first.completed.us + window;
    });
    return touching > static_cast<std::ptrdiff_t>(n);
  });
}

std::vector<AttemptSeen> some_attempts(Prng& prng, std::int64_t until) {
  std::vector<AttemptSeen> all;
  const std::int64_t count = prng.between(1, 20);
  for (int n = 0; n < count; ++n) {
    const std::int64_t granted = prng.between(1, until);
    all.push_back(attempt(n, granted, granted + prng.between(0, 6), !prng.chance(200'000)));
  }
  return all;
}

struct Answer {
  bool certain = false;
  bool possible = false;
  friend bool operator==(const Answer&, const Answer&) = default;
};

Answer watched(Watch watch, const std::vector<AttemptSeen>& all) {
  Answer answer;
  for (const AttemptSeen& one : all) {
    const auto seen = watch.see(one);
    answer.certain = answer.certain || !seen.certain.empty();
    answer.possible = answer.possible || seen.possible > 0;
  }
  return answer;
}

constexpr std::int64_t kWindow = 20;

// How often a watch that is told this limit differs from the definition for n and kWindow.
int differences(std::int32_t wrong_n, std::int64_t wrong_window, bool all_answered) {
  int count = 0;
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    Prng prng(seed);
    const auto n = static_cast<std::uint32_t>(prng.between(2, 6));
    auto all = some_attempts(prng, 34);  // within 2 W: nothing may be forgotten yet
    const Answer expected{certain_by_force(all, n, kWindow), possible_by_force(all, n, kWindow)};
    if (all_answered) {
      for (AttemptSeen& one : all) one.answered = true;
    }
    const auto told = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + wrong_n);
    const Watch watch({upstream_of(told, microseconds(kWindow + wrong_window))}, 100);
    if (watched(watch, all) != expected) ++count;
  }
  return count;
}

TEST(Watch, AgreesWithTheDefinitionAndAWrongOneDoesNot) {
  EXPECT_EQ(differences(0, 0, false), 0);
  EXPECT_GT(differences(1, 0, false), 100);
  EXPECT_GT(differences(-1, 0, false), 100);
  EXPECT_GT(differences(0, 1, false), 10);
  EXPECT_GT(differences(0, -1, false), 10);
  EXPECT_GT(differences(0, 0, true), 100);
}

// Over a long time, outcomes in the order of completion: forgetting changes nothing.
TEST(Watch, ForgetsOnlyWhatCannotMatter) {
  int certain = 0;
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    Prng prng(seed);
    const auto n = static_cast<std::uint32_t>(prng.between(1, 4));
    auto all = some_attempts(prng, 200);
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.completed < b.completed; });
    const Answer answer = watched(Watch({upstream_of(n, microseconds(kWindow))}, 100), all);
    ASSERT_EQ(answer.certain, certain_by_force(all, n, kWindow)) << seed;
    certain += answer.certain ? 1 : 0;
  }
  EXPECT_GT(certain, 500);
  EXPECT_LT(certain, 2'500);
}

TEST(Watch, WhatItReportsIsAViolation) {
  for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
    Prng prng(seed);
    Watch watch({upstream_of(3, microseconds(kWindow))}, 100);
    for (const AttemptSeen& one : some_attempts(prng, 60)) {
      for (const Violation& violation : watch.see(one).certain) {
        ASSERT_GT(violation.attempts, 3U);
        ASSERT_LE((violation.last_completed - violation.first_granted).us, kWindow);
      }
    }
  }
}

TEST(Watch, TheWindowIsClosed) {
  Watch watch({upstream_of(1, microseconds(100))}, 10);
  EXPECT_TRUE(watch.see(attempt(1, 1000, 1000)).certain.empty());
  EXPECT_EQ(watch.see(attempt(2, 1100, 1100)).certain.size(), 1U);
  Watch other({upstream_of(1, microseconds(100))}, 10);
  EXPECT_TRUE(other.see(attempt(1, 1000, 1000)).certain.empty());
  EXPECT_TRUE(other.see(attempt(2, 1100, 1101)).certain.empty());
}

TEST(Watch, AnUnknownEndIsNoProofOfArrival) {
  Watch watch({upstream_of(1, microseconds(100))}, 10);
  watch.see(attempt(1, 1000, 1010, false));
  const auto seen = watch.see(attempt(2, 1020, 1030));
  EXPECT_TRUE(seen.certain.empty());
  EXPECT_EQ(seen.possible, 1U);
  // The late answer takes the place of the unknown end, it is not a second attempt.
  EXPECT_EQ(watch.see(attempt(1, 1000, 1040)).certain.at(0).attempts, 2U);
}

// What costs more counts for more.
TEST(Watch, CountsUnits) {
  Watch watch({upstream_of(5, microseconds(100))}, 10);
  auto first = attempt(1, 1000, 1010);
  first.units = 3;
  auto second = attempt(2, 1020, 1030);
  second.units = 2;
  EXPECT_TRUE(watch.see(first).certain.empty());
  EXPECT_TRUE(watch.see(second).certain.empty());
  const auto seen = watch.see(attempt(3, 1040, 1050));
  ASSERT_EQ(seen.certain.size(), 1U);
  EXPECT_EQ(seen.certain[0].attempts, 3U);
  EXPECT_EQ(seen.certain[0].units, 6U);
}

TEST(Watch, EachOfSeveralLimitsIsWatched) {
  Upstream upstream = upstream_of(2, microseconds(100));
  upstream.limits.push_back({"slow", LimitScope::kKey, 3, microseconds(1000), 3, seconds(1)});
  upstream.limits.push_back({"all", LimitScope::kUpstream, 1, microseconds(50), 1, seconds(1)});
  Watch watch({upstream}, 10);
  std::set<std::string> broken;
  for (int n = 0; n < 4; ++n) {
    for (const auto& violation : watch.see(attempt(n, 1000 + n * 200, 1010 + n * 200)).certain) {
      broken.insert(violation.limit);
    }
  }
  EXPECT_EQ(broken, std::set<std::string>{"slow"});
  EXPECT_EQ(watch.see(attempt(9, 1620, 1630)).certain.size(), 2U);  // slow, all
}

// By the definition: sets that lie whole in a window, held against the limits of their last grant.
bool broken_by_force(const std::vector<AttemptSeen>& all,
                     const std::map<std::string, std::uint32_t>& limits) {
  for (const AttemptSeen& first : all) {
    for (const AttemptSeen& last : all) {
      const auto known = limits.find(last.limits);
      const std::int64_t end = first.granted.us + kWindow;
      if (known == limits.end() || !last.answered || last.completed.us > end) continue;
      std::uint64_t units = 0;
      for (const AttemptSeen& one : all) {
        const bool inside = one.granted >= first.granted && one.completed.us <= end;
        if (one.answered && inside && one.granted <= last.granted) units += one.units;
      }
      if (last.granted >= first.granted && units > known->second) return true;
    }
  }
  return false;
}

TEST(Watch, AfterAnEditEachIsHeldAgainstItsOwnLimits) {
  int broken = 0;
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    Prng prng(seed);
    const std::map<std::string, std::uint32_t> limits = {
        {"a", static_cast<std::uint32_t>(prng.between(2, 9))},
        {"b", static_cast<std::uint32_t>(prng.between(2, 9))}};
    Watch watch({upstream_of(limits.at("a"), microseconds(kWindow))}, 100);
    const Upstream a = upstream_of(limits.at("a"), microseconds(kWindow));
    watch.learn({a.name, "a", a.limits});
    const Upstream b = upstream_of(limits.at("b"), microseconds(kWindow));
    watch.learn({b.name, "b", b.limits});
    auto all = some_attempts(prng, 34);
    const std::int64_t edited = prng.between(1, 34);
    std::set<std::int64_t> granted;
    std::erase_if(all, [&](const auto& one) { return !granted.insert(one.granted.us).second; });
    bool certain = false;
    for (AttemptSeen& one : all) {
      one.limits = one.granted.us < edited ? "a" : "b";
      if (prng.chance(50'000)) one.limits = "c";  // that nobody told the watch
      one.units = static_cast<std::uint32_t>(prng.between(1, 2));
      const auto seen = watch.see(one);
      certain = certain || !seen.certain.empty();
      ASSERT_EQ(seen.unwatched, one.limits == "c");
    }
    ASSERT_EQ(certain, broken_by_force(all, limits)) << seed;
    broken += certain ? 1 : 0;
  }
  EXPECT_GT(broken, 500);
  EXPECT_LT(broken, 4'500);
}

TEST(Watch, NoMoreMayBeOpenThanN) {
  Upstream upstream = upstream_of(2, {});
  upstream.limits[0].guard = microseconds(4);
  upstream.limits[0].kind = LimitKind::kConcurrency;
  upstream.limits.push_back(upstream.limits[0]);
  upstream.limits[1].shadow = true;  // is never broken
  upstream.limits[1].n = 1;
  int certain = 0;
  int possible = 0;
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    Prng prng(seed);
    auto all = some_attempts(prng, 60);
    Watch watch({upstream}, 10);
    Answer answer;
    Answer expected;
    for (AttemptSeen& one : all) {
      one.completed = one.granted + microseconds(prng.between(0, 12));
      if (seed % 2 == 0) one.units = static_cast<std::uint32_t>(prng.between(1, 2));
      const auto seen = watch.see(one);
      answer.certain = answer.certain || !seen.certain.empty();
      answer.possible = answer.possible || seen.possible > 0;
    }
    for (const AttemptSeen& last : all) {
      const auto open = [&](std::int64_t overlap) {
        std::uint64_t units = 0;
        for (const AttemptSeen& one : all) {
          const bool is_open =
              one.granted <= last.granted && one.completed.us > last.granted.us + overlap;
          if (is_open) units += one.units;
        }
        return units;
      };
      expected.certain = expected.certain || open(4) > 2;
      expected.possible = expected.possible || open(0) > 2;
    }
    ASSERT_EQ(answer.certain, expected.certain) << seed;
    ASSERT_EQ(answer.possible, expected.possible) << seed;
    certain += answer.certain ? 1 : 0;
    possible += answer.possible ? 1 : 0;
  }
  EXPECT_GT(certain, 300);
  EXPECT_GT(possible, certain);
  EXPECT_LT(possible, 2'900);
}

TEST(Watch, AnEndThatIsMovedByALateAnswerHadFreedItsPlace) {
  Upstream upstream = upstream_of(1, {});
  upstream.limits[0].guard = {};
  upstream.limits[0].kind = LimitKind::kConcurrency;
  Watch watch({upstream}, 10);
  watch.see(attempt(1, 1000, 1010, false));
  EXPECT_TRUE(watch.see(attempt(2, 1020, 1040)).certain.empty());
  EXPECT_TRUE(watch.see(attempt(1, 1000, 1030)).certain.empty());
  EXPECT_EQ(watch.see(attempt(3, 1035, 1050)).certain.size(), 1U);
}

TEST(Watch, HoldsNoMoreAttemptsThanItMay) {
  Watch watch({upstream_of(1'000'000, seconds(60))}, 1'000, 500);
  for (int n = 0; n < 5'000; ++n) {
    auto one = attempt(n, 1000 + n, 1000 + n);
    one.key = std::to_string(n % 20);
    watch.see(one);
    ASSERT_LE(watch.attempts(), 500U);
  }
  EXPECT_GT(watch.let_go(), 0U);
}

// A limit that nobody reaches costs little, however many attempts its window holds.
TEST(Watch, AWideWindowOfAWholeUpstream) {
  Watch watch({upstream_of(50'000, seconds(60), LimitScope::kUpstream)}, 10);
  int certain = 0;
  for (int n = 0; n < 200'000; ++n) {  // 800 a second, answered in 1 ms to 0.2 s
    const std::int64_t granted = 1'000'000 + n * std::int64_t{1'250};
    certain +=
        watch.see(attempt(n, granted, granted + 1'000 + n % 200 * 1'000)).certain.empty() ? 0 : 1;
  }
  EXPECT_EQ(certain, 0);
  EXPECT_LT(watch.attempts(), 130'000U);
}

TEST(Watch, WhatWasGrantedUnderOtherLimitsIsNotHeldAgainstThese) {
  Watch watch({upstream_of(1, microseconds(100))}, 10);
  auto first = attempt(1, 1000, 1010);
  first.limits = "a";
  auto second = attempt(2, 1020, 1030);
  second.limits = "b";
  watch.see(first);
  EXPECT_TRUE(watch.see(second).certain.empty());
  EXPECT_EQ(watch.see(attempt(3, 1040, 1050)).certain.size(), 1U);  // version not known
}

TEST(Watch, ALimitOfTheUpstreamCountsAllKeys) {
  Watch watch({upstream_of(1, microseconds(100), LimitScope::kUpstream)}, 10);
  auto first = attempt(1, 1000, 1010);
  first.key = "a";
  watch.see(first);
  const auto seen = watch.see(attempt(2, 1020, 1030));
  ASSERT_EQ(seen.certain.size(), 1U);
  EXPECT_EQ(seen.certain[0].key, "");
}

TEST(Watch, HoldsNoMoreKeysThanItMay) {
  Watch watch({upstream_of(1, seconds(60))}, 100);
  for (int n = 0; n < 1000; ++n) {
    auto one = attempt(n, 1000 + n, 1000 + n);
    one.key = std::to_string(n);
    watch.see(one);
    ASSERT_LE(watch.keys(), 100U);
  }
}

LimitsSeen version(const std::string& name, Duration window, std::int64_t at_s) {
  return {"u", name, upstream_of(3, window).limits, {at_s * 1'000'000}, {}};
}
AttemptSeen under(int n, const std::string& name, std::int64_t at_s) {
  AttemptSeen one = attempt(n, at_s * 1'000'000, at_s * 1'000'000 + 100);
  one.limits = name;
  return one;
}

// A window of a month that held for a minute would have its attempts, and the trail that is read at
// start, kept for two months.
TEST(Versions, ALongWindowThatWasReplacedCostsNothingSoon) {
  Watch watch({}, 100);
  watch.learn(version("minute", minutes(1), 1));
  watch.see(under(1, "minute", 10));
  EXPECT_EQ(watch.span(), minutes(2));
  watch.learn(version("month", hours(24 * 31), 20));
  watch.see(under(2, "month", 30));
  EXPECT_EQ(watch.span(), hours(24 * 62));
  watch.learn(version("minute", minutes(1), 80));
  watch.see(under(3, "minute", 90));
  EXPECT_EQ(watch.span(), hours(24 * 62));  // what was under way is still judged
  watch.see(under(4, "minute", 80 + 3'700));
  EXPECT_EQ(watch.span(), minutes(2));
  EXPECT_FALSE(watch.see(under(5, "month", 80 + 3'701)).unwatched);
  for (int n = 0; n < 2'000; ++n) watch.see(under(100 + n, "minute", 10'000 + 600 * n));
  EXPECT_LT(watch.attempts(), 10U);
}

TEST(Versions, ThoseReplacedLongAgoAreForgottenAndTheOneThatRulesIsNot) {
  Watch watch({}, 100);
  for (int n = 0; n < 3'000; ++n) {
    watch.learn(version("v" + std::to_string(n), seconds(60 + n % 7), 60 * n));
    EXPECT_FALSE(watch.see(under(n, "v" + std::to_string(n), 60 * n + 1)).unwatched);
  }
  EXPECT_LT(watch.versions(), 70U);  // an hour's
  EXPECT_TRUE(watch.see(under(9'000, "v7", 180'000)).unwatched);
  EXPECT_FALSE(watch.see(under(9'001, "v2999", 10'000'000)).unwatched);
  EXPECT_EQ(watch.versions(), 1U);
}

// Edits in each millisecond: the oldest go before their time, and the one that rules stays.
TEST(Versions, AreBoundedHoweverFastTheyFollow) {
  constexpr std::size_t kMost = 20'000;
  Watch watch({}, 100);
  for (int n = 0; n < 21'000; ++n) {
    LimitsSeen next = version("v" + std::to_string(n), seconds(60), 0);
    next.at = {60'000'000 + n * std::int64_t{1'000}};
    watch.learn(next);
    ASSERT_LE(watch.versions(), kMost);
  }
  EXPECT_EQ(watch.versions(), kMost);
  EXPECT_FALSE(watch.knows("u", "v0"));
  EXPECT_TRUE(watch.knows("u", "v20999"));
}

// Attempts show that they rule, whoever said last that others do.
TEST(Versions, WhatIsGrantedUnderStays) {
  Watch watch({}, 100);
  watch.learn(version("a", minutes(1), 1));
  watch.learn(version("b", minutes(1), 100));
  for (int n = 1; n < 20; ++n) EXPECT_FALSE(watch.see(under(n, "a", 100 + 3'000 * n)).unwatched);
  watch.learn(version("a", minutes(1), 50));  // an older word
  EXPECT_FALSE(watch.see(under(30, "b", 60'000)).unwatched);
}

TEST(Versions, AfterTheyWereReplacedAttemptsAreStillHeldAgainstTheirs) {
  Watch watch({}, 100);
  watch.learn(version("few", minutes(1), 1));
  for (int n = 0; n < 3; ++n) watch.see(under(n, "few", 10 + n));
  LimitsSeen many = version("many", minutes(1), 14);
  many.limits[0].n = 100;
  watch.learn(many);
  EXPECT_EQ(watch.see(under(3, "few", 13)).certain.size(), 1U);
  EXPECT_TRUE(watch.see(under(4, "many", 15)).certain.empty());
}

}  // namespace
}  // namespace sluice::auditor
