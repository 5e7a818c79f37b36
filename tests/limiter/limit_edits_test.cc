// Limits that persons say through a limiter, and limits that others said: the store's are taken.
#include <gtest/gtest.h>

#include <algorithm>

#include "lib/wire/limits.h"
#include "limiter/limit_trouble.h"
#include "tests/limiter/core_bench.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::Started;

Config config(std::uint32_t n) { return Bench::config(n, seconds(60), 1); }
std::vector<Limit> limits_of(std::uint32_t n) { return config(n).upstreams[0].limits; }
std::uint64_t version_of(std::uint32_t n) { return limits_version("api", limits_of(n)); }

wire::Control edit(std::uint32_t n, std::uint64_t instead_of = 0) {
  wire::Control word;
  word.control_id = 7;
  word.verb = wire::Verb::kEditLimits;
  word.upstream = "api";
  word.by = "ann";
  word.limits_version = instead_of;
  word.limit_rows = wire::rows_of(limits_of(n));
  return word;
}

TEST(LimitEdits, APersonsEditHoldsOnceItIsAnswered) {
  Started s(config(5));
  s.bench.say(s.ingest, edit(2, version_of(5)));
  ASSERT_EQ(s.bench.said<wire::Controlled>().size(), 1U);
  const wire::Controlled answer = s.bench.said<wire::Controlled>()[0];
  EXPECT_TRUE(answer.done);
  EXPECT_EQ(answer.limits_version, version_of(2));
  EXPECT_EQ(answer.limit_rows, wire::rows_of(limits_of(2)));
  EXPECT_EQ(answer.by, "ann");
  EXPECT_EQ(s.bench.core->limits_version("api"), version_of(2));
  const auto lines = s.bench.said<wire::Record>();
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0].kind, wire::RecordKind::kLimits);
  EXPECT_EQ(lines[0].limit_rows, answer.limit_rows);
  s.dispatch_one();
  EXPECT_EQ(s.bench.said<wire::Dispatch>().back().limits_version, version_of(2));
}

// Said again it might undo what another person has said since.
TEST(LimitEdits, AnEditWithoutAnAnswerIsNotSaidAgain) {
  Started s(config(5));
  s.bench.store_answers = false;
  s.bench.say(s.ingest, edit(2));
  s.bench.pass(seconds(6));
  ASSERT_EQ(s.bench.said<wire::Controlled>().size(), 1U);
  EXPECT_FALSE(s.bench.said<wire::Controlled>()[0].done);
  EXPECT_FALSE(s.bench.said<wire::Controlled>()[0].stale);
  s.bench.store_answers = true;
  s.bench.pass(seconds(20));
  EXPECT_EQ(s.bench.core->limits_version("api"), version_of(5));
}

TEST(LimitEdits, AnEditOfAnotherVersionIsStaleAndTellsWhichHolds) {
  Started s(config(5));
  s.bench.say(s.ingest, edit(2, 77));
  const wire::Controlled answer = s.bench.said<wire::Controlled>().back();
  EXPECT_FALSE(answer.done);
  EXPECT_TRUE(answer.stale);
  EXPECT_EQ(answer.limits_version, version_of(5));
  EXPECT_EQ(s.bench.core->limits_version("api"), version_of(5));
  wire::Control look;
  look.control_id = 8;
  look.verb = wire::Verb::kLookLimits;
  look.upstream = "api";
  s.bench.say(s.ingest, look);
  EXPECT_TRUE(s.bench.said<wire::Controlled>().back().done);
  EXPECT_EQ(s.bench.said<wire::Controlled>().back().limits_version, version_of(5));
}

TEST(LimitEdits, WhatCannotBeIsRefusedWithItsField) {
  Started s(config(5));
  wire::Control wrong = edit(2);
  wrong.limit_rows[0].guard = milliseconds(500);
  s.bench.say(s.ingest, wrong);
  const wire::Controlled answer = s.bench.said<wire::Controlled>().back();
  EXPECT_FALSE(answer.done);
  EXPECT_EQ(answer.field, "/limits/0/guard");
  EXPECT_EQ(s.bench.core->limits_version("api"), version_of(5));
  std::vector<Limit> limits = {limits_of(2)[0], limits_of(2)[0]};
  EXPECT_EQ(trouble_of(limits, milliseconds(501))->field, "/limits/1/name");
  limits[0].burst = 3;
  EXPECT_EQ(trouble_of(limits, milliseconds(501))->field, "/limits/0/burst");
  EXPECT_EQ(trouble_of({}, milliseconds(501))->field, "/limits");
  EXPECT_FALSE(trouble_of(limits_of(2), milliseconds(501)));
}

// FLUSHALL: the settings' limits hold again, until the first limiter that knows better has said so.
TEST(LimitEdits, AStoreThatForgotAnEditIsToldAgain) {
  Started s(config(5));
  s.bench.say(s.ingest, edit(2));
  const StoreTime said = s.bench.store().shard("api")->state().edited_at;
  s.bench.pass(seconds(10));
  s.bench.clear();
  s.bench.store().wipe("second");
  s.bench.pass(seconds(10));
  EXPECT_EQ(s.bench.core->limits_version("api"), version_of(2));
  const ShardRecord& state = s.bench.store().shard("api")->state();
  EXPECT_EQ(state.limits_version, version_of(2));
  EXPECT_EQ(state.edited_at, said);
  EXPECT_EQ(state.by, "ann");
  const auto lines = s.bench.said<wire::Record>();
  const auto says = [&](const std::string& words) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const wire::Record& line) { return line.reason.starts_with(words); });
  };
  EXPECT_TRUE(says("by ann, said again as the store had forgotten it; "));
  EXPECT_TRUE(says("closure: first"));
}

// A later word than the one that is remembered stands.
TEST(LimitEdits, WhatWasSaidSinceTheStoreForgotStands) {
  Started s(config(5));
  s.bench.say(s.ingest, edit(2));
  s.bench.pass(seconds(10));
  s.bench.store().wipe("second");
  const auto others =
      s.bench.store().perform({9, SetLimits{"api", "bob", limits_of(3)}}, s.bench.store_now());
  EXPECT_EQ(others.limits_version, version_of(3));
  s.bench.pass(seconds(10));
  EXPECT_EQ(s.bench.core->limits_version("api"), version_of(3));
  EXPECT_EQ(s.bench.store().shard("api")->state().limits_version, version_of(3));
}

// What a message may cost at most, before the store has said which limits hold: nobody knows.
TEST(LimitEdits, SettingsAloneDoNotSayWhatMayNeverGo) {
  Bench bench(config(5));
  const wire::PeerId ingest = bench.up(wire::Role::kIngest);
  wire::Quote quote;
  quote.quote_id = 1;
  quote.key = "api:k";
  quote.upstream = "api";
  quote.cost = 9;
  bench.say(ingest, quote);
  bench.pass(seconds(1));
  EXPECT_EQ(bench.said<wire::Quoted>().back().cost_max, 5U);
  Bench away(config(5), false);
  away.say(away.up(wire::Role::kIngest), quote);
  away.pass(seconds(1));
  ASSERT_FALSE(away.said<wire::Quoted>().empty());
  EXPECT_EQ(away.said<wire::Quoted>().back().cost_max, 0U);
}

// Another limiter's edit: nothing is granted by the older limits, and the next question goes by
// those that hold.
TEST(LimitEdits, LimitsThatOthersSaidAreTakenWhenTheStoreSaysSo) {
  Started s(config(1));
  const wire::Dispatch first = s.dispatch_one();
  const auto others =
      s.bench.store().perform({9, SetLimits{"api", "bob", limits_of(3), 0}}, s.bench.store_now());
  EXPECT_EQ(others.limits_version, version_of(3));
  EXPECT_EQ(s.bench.core->limits_version("api"), version_of(1));
  s.bench.pass(seconds(3));  // the clock was asked for, and the answer names the version
  EXPECT_EQ(s.bench.core->limits_version("api"), version_of(3));
  s.bench.say(s.dispatcher, s.bench.outcome(first, wire::Ended::kDelivered));
  s.bench.say(s.ingest, s.bench.offer("next", 9));
  s.bench.pass(seconds(70));  // the pace of the first was that of the older limits
  EXPECT_EQ(s.bench.said<wire::Dispatch>().back().limits_version, version_of(3));
}

// ... and who asks meanwhile when a message will go is told by these, not that the store is down.
TEST(LimitEdits, AForecastWaitsForTheLimitsThatHold) {
  Started s(config(1));
  const auto others =
      s.bench.store().perform({9, SetLimits{"api", "bob", limits_of(3), 0}}, s.bench.store_now());
  EXPECT_EQ(others.limits_version, version_of(3));
  s.bench.clear();
  s.bench.say(s.ingest, wire::Quote{1, "api", "api:k", "", 0, 1, {}});
  const auto quoted = s.bench.said<wire::Quoted>();
  ASSERT_EQ(quoted.size(), 1U);
  EXPECT_EQ(quoted[0].why, wire::Wait::kNone);
  EXPECT_EQ(quoted[0].quota, 3U);
}

// Who has not seen the line of an edit, learns so what attempts are to be held against.
TEST(LimitEdits, EachAuditorIsToldWhichLimitsHoldUntilItHasThemOnRecord) {
  Started s(config(5));
  ASSERT_EQ(s.bench.held.size(), 1U);
  EXPECT_EQ(s.bench.held[0].first, s.auditor);
  EXPECT_EQ(s.bench.held[0].second.limits_version, version_of(5));
  EXPECT_EQ(s.bench.held[0].second.limit_rows, wire::rows_of(limits_of(5)));
  EXPECT_NE(s.bench.held[0].second.at, StoreTime{});
  s.bench.pass(seconds(30));
  EXPECT_EQ(s.bench.held.size(), 1U);
  s.bench.auditor_knows = false;
  const wire::PeerId second = s.bench.up(wire::Role::kAuditor);
  ASSERT_EQ(s.bench.held.size(), 2U);
  EXPECT_EQ(s.bench.held[1].first, second);
  EXPECT_EQ(s.bench.held[1].second.record_id, s.bench.held[0].second.record_id);
  s.bench.pass(seconds(6));
  EXPECT_EQ(s.bench.held.size(), 3U);  // it has not answered
  s.bench.down(second);
  s.bench.pass(seconds(30));
  EXPECT_EQ(s.bench.held.size(), 3U);
  s.bench.auditor_knows = true;
  s.bench.say(s.ingest, edit(2));
  ASSERT_EQ(s.bench.held.size(), 4U);
  EXPECT_EQ(s.bench.held[3].second.limits_version, version_of(2));
  EXPECT_NE(s.bench.held[3].second.record_id, s.bench.held[0].second.record_id);
}

}  // namespace
}  // namespace sluice::limiter
