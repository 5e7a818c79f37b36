// The core: an upstream's limits, asked for and edited; and what costs more than they ever let go.
#include <gtest/gtest.h>

#include "tests/ingest/core_world.h"

namespace sluice::ingest {
namespace {

AskLimits edit(std::uint64_t request) {
  AskLimits ask{request, "onlyfans"};
  ask.rows.emplace_back().name = "few";
  ask.version = 7;
  ask.by = "ann";
  return ask;
}

TEST(CoreLimits, OneLimiterIsAskedAndItsWordIsTheAnswer) {
  World world;
  world.limiter_up(7, "limiter-1");
  world.limiter_up(8, "limiter-2");
  world.accept(AskLimits{1, "onlyfans"});
  ASSERT_EQ(world.sent<wire::Control>().size(), 1U);
  const wire::Control look = world.sent<wire::Control>()[0];
  EXPECT_EQ(look.verb, wire::Verb::kLookLimits);
  EXPECT_EQ(look.upstream, "onlyfans");
  wire::Controlled said{look.control_id, true, ""};
  said.limits_version = 5;
  said.limit_rows = edit(0).rows;
  said.by = "bob";
  world.from(world.sends.back().peer == PeerId{7} ? 7 : 8, said);
  const auto* found = world.answer<LimitsFound>(1);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->version, 5U);
  EXPECT_EQ(found->rows, said.limit_rows);
  EXPECT_EQ(found->by, "bob");
  EXPECT_EQ(found->upstream, "onlyfans");
}

TEST(CoreLimits, AnEditSaysWhatItTakesThePlaceOf) {
  World world;
  world.limiter_up(7);
  world.accept(edit(1));
  const wire::Control word = world.sent<wire::Control>().back();
  EXPECT_EQ(word.verb, wire::Verb::kEditLimits);
  EXPECT_EQ(word.limits_version, 7U);
  EXPECT_EQ(word.limit_rows, edit(1).rows);
  EXPECT_EQ(word.by, "ann");
  wire::Controlled stale{word.control_id, false, "another version holds"};
  stale.stale = true;
  stale.limits_version = 9;
  world.from(7, stale);
  ASSERT_NE(world.answer<LimitsStale>(1), nullptr);
  EXPECT_EQ(world.answer<LimitsStale>(1)->version, 9U);
  world.accept(edit(2));
  wire::Controlled wrong{world.sent<wire::Control>().back().control_id, false, "too short"};
  wrong.field = "/limits/0/guard";
  world.from(7, wrong);
  ASSERT_NE(world.answer<LimitsWrong>(2), nullptr);
  EXPECT_EQ(world.answer<LimitsWrong>(2)->field, "/limits/0/guard");
  EXPECT_TRUE(world.core.idle());
}

TEST(CoreLimits, WithoutAnAnswerNobodyKnowsWhetherTheyHold) {
  World world;
  world.accept(edit(1));
  ASSERT_NE(world.answer<Unavailable>(1), nullptr);
  world.limiter_up(7);
  world.accept(edit(2));
  world.pass(seconds(6));
  ASSERT_NE(world.answer<Unavailable>(2), nullptr);
  EXPECT_NE(world.answer<Unavailable>(2)->what.find("not known whether"), std::string::npos);
  world.from(7, wire::Controlled{world.sent<wire::Control>().back().control_id, true, ""});
  world.accept(edit(3));
  world.complete(wire::PeerDown{PeerId{7}});
  ASSERT_NE(world.answer<Unavailable>(3), nullptr);
  world.limiter_up(8);
  world.accept(edit(4));
  world.from(8, wire::Controlled{world.sent<wire::Control>().back().control_id, false, "no store"});
  ASSERT_NE(world.answer<Unavailable>(4), nullptr);
  EXPECT_TRUE(world.answer<Unavailable>(4)->what.starts_with("no store"));
  EXPECT_TRUE(world.core.idle());
}

TEST(CoreLimits, WhatCostsMoreThanEverGoesIsNotTakenToDie) {
  World world;
  world.limiter_up(7);
  Submit costly = submission(1, "m");
  costly.message.cost = 6;
  world.accept(costly);
  wire::Quoted quote = quoted(world.sent<wire::Quote>().back(), Duration{0});
  quote.cost_max = 5;
  world.from(7, quote);
  ASSERT_NE(world.answer<TooCostly>(1), nullptr);
  EXPECT_EQ(world.answer<TooCostly>(1)->cost_max, 5U);
  EXPECT_TRUE(world.parking.rows().empty());
  costly.request_id = 2;
  world.accept(costly);
  quote.quote_id = world.sent<wire::Quote>().back().quote_id;
  quote.cost_max = 6;
  world.from(7, quote);
  EXPECT_NE(world.answer<Accepted>(2), nullptr);
}

}  // namespace
}  // namespace sluice::ingest
