// The limiter's side of the five rules of design 4.2, and what else must not be taken out: each
// with the rule, and without it.
#include <gtest/gtest.h>

#include "tests/limiter/core_bench.h"
#include "tests/limiter/core_world.h"

namespace sluice::limiter {
namespace {

using testing::Bench;
using testing::World;
using testing::WorldFaults;

Config broken(bool Mutations::*what) {
  Config config = Bench::config();
  config.mutations.*what = true;
  return config;
}

std::size_t wants_after_announcement(Config config) {
  Bench bench(std::move(config));
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, bench.parked(1, 5));
  return bench.said<wire::Want>().size();
}

TEST(Rule1, AnAnnouncedKeyIsAskedFor) {
  EXPECT_EQ(wants_after_announcement(Bench::config()), 1U);
  EXPECT_EQ(wants_after_announcement(broken(&Mutations::rows_not_announced)), 0U);
}

// A row is announced while the answer to an earlier Want, which did not see it, is on its way.
bool asks_again_after_empty(Config config) {
  Bench bench(std::move(config));
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, bench.parked(1, 5));
  const auto want = bench.said<wire::Want>().front();
  bench.say(ingest, bench.parked(1, 7));
  bench.clear();
  bench.say(ingest, wire::Rows{want.want_id, "p", "api:k", 0, false});
  bench.pass(seconds(5));
  return !bench.said<wire::Want>().empty();
}

TEST(Rule1, OnlyAnEmptyAnswerToALaterWantForgets) {
  EXPECT_TRUE(asks_again_after_empty(Bench::config()));
  EXPECT_FALSE(asks_again_after_empty(broken(&Mutations::forget_on_any_empty)));
}

TEST(Rule1, AnEmptyAnswerForgetsTheKey) {
  Bench bench(Bench::config());
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, bench.parked(1, 5));
  const auto want = bench.said<wire::Want>().front();
  bench.say(ingest, wire::Rows{want.want_id, "p", "api:k", 0, false});
  EXPECT_EQ(bench.core->keys(), 0U);
  bench.clear();
  bench.pass(seconds(10));
  EXPECT_TRUE(bench.said<wire::Want>().empty());
}

std::size_t wants_in_ten_seconds(Config config) {
  Bench bench(std::move(config));
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, bench.parked(1, 5));
  bench.pass(seconds(10));
  return bench.said<wire::Want>().size();
}

TEST(Rule3, AWantIsSaidEachSecondUntilRows) {
  EXPECT_EQ(wants_in_ten_seconds(Bench::config()), 11U);
  EXPECT_EQ(wants_in_ten_seconds(broken(&Mutations::want_said_once)), 1U);
}

TEST(Rule3, AfterRowsItIsSaidOnlyWhenHalfEmptyOrAnnounced) {
  Bench bench(Bench::config());
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, bench.parked(3, 1));
  const auto want = bench.said<wire::Want>().front();
  for (int i = 0; i < 3; ++i) {
    auto row = bench.offer(std::to_string(i), i + 1);
    row.want_id = want.want_id;
    bench.say(ingest, row);
  }
  bench.say(ingest, wire::Rows{want.want_id, "p", "api:k", 3, false});
  bench.clear();
  bench.pass(seconds(30));
  EXPECT_TRUE(bench.said<wire::Want>().empty());  // the line holds all rows there are
  bench.say(ingest, bench.parked(4, 1));
  EXPECT_EQ(bench.said<wire::Want>().size(), 1U);
}

// An answer that brought nothing new is waited after for a second; a row announced meanwhile is
// not.
TEST(Rule3, AnAnnouncementEndsThePauseAfterAnAnswerWithNothingNew) {
  Bench bench(Bench::config());
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, bench.parked(1, 1));
  const auto want = bench.said<wire::Want>().front();
  bench.say(ingest, wire::Rows{want.want_id, "p", "api:k", 1, false});
  bench.clear();
  bench.say(ingest, bench.parked(2, 1));
  EXPECT_EQ(bench.said<wire::Want>().size(), 1U);
}

TEST(Rule3, AnAnnouncedHeadBeforeTheLastBringsAWantThoughTheLineIsFull) {
  Bench bench(Bench::config());
  const auto ingest = bench.up(wire::Role::kIngest);
  for (int i = 0; i < 32; ++i) bench.say(ingest, bench.offer(std::to_string(i), 100 + i));
  bench.say(ingest, bench.parked(33, 200));
  EXPECT_TRUE(bench.said<wire::Want>().empty());  // behind all of them
  bench.say(ingest, bench.parked(33, 50));
  EXPECT_EQ(bench.said<wire::Want>().size(), 1U);
}

// Memory is short: the line shrinks, and what comes after a row that was let go may not stand
// before it; nor are those asked for again for which there was no room.
TEST(Rule3, WhatComesAfterARowWithoutRoomWaitsForTheNextWant) {
  Config config = Bench::config();
  config.messages_max = 20;
  Bench bench(config);
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, bench.parked(40, 1));
  const auto want = bench.said<wire::Want>().front();
  for (int i = 1; i <= 30; ++i) {
    auto row = bench.offer(std::to_string(i), i);
    row.want_id = want.want_id;
    bench.say(ingest, row);
  }
  bench.say(ingest, wire::Rows{want.want_id, "p", "api:k", 30, true});
  const std::size_t here = bench.core->messages();
  EXPECT_EQ(here, 11U);  // one more than half of what there is room for
  for (std::size_t i = 1; i <= 30; ++i) {
    const auto told = bench.core->explain(bench.offer(std::to_string(i), 0).identity, bench.now);
    EXPECT_EQ(told.has_value(), i <= here) << i;
  }
  bench.pass(seconds(3));
  EXPECT_EQ(bench.said<wire::Want>().size(), 1U);
}

// A line of ten rows, from 100 on, and others that leave it no room.
struct LongLine {
  Bench bench;
  wire::PeerId ingest;
  wire::Want want;

  explicit LongLine(int others) : bench(config()) {
    ingest = bench.up(wire::Role::kIngest);
    bench.say(ingest, bench.parked(20, 100));
    want = bench.said<wire::Want>().front();
    for (int i = 0; i < 10; ++i) row(100 + i);
    bench.say(ingest, wire::Rows{want.want_id, "p", "api:k", 10, true});
    for (int i = 0; i < others; ++i) {
      wire::Offer row = bench.offer("other-" + std::to_string(i), 0);
      row.key = "api:" + std::to_string(i);
      bench.say(ingest, row);
    }
    bench.clear();
  }
  static Config config() {
    Config config = Bench::config();
    config.line_min = 12;
    config.messages_max = 20;
    return config;
  }
  void row(std::int64_t order) {
    wire::Offer row = bench.offer(std::to_string(order), order);
    row.want_id = want.want_id;
    bench.say(ingest, row);
  }
  [[nodiscard]] bool has(std::int64_t order) const {
    return bench.core->explain(bench.offer(std::to_string(order), 0).identity, bench.now)
        .has_value();
  }
  // Rows come between, and their Want is said.
  [[nodiscard]] bool asks_for_what_is_between() {
    bench.say(ingest, bench.parked(25, 100));
    bench.pass(Bench::config().line_span);
    const auto wants = bench.said<wire::Want>();
    if (wants.size() != 1) return false;
    want = wants.front();
    return true;
  }
};

// Memory is short: a new line would be of four rows. One that is longer asks for as many as it has,
// or what is new beyond its fourth would be overtaken by all that stand behind.
TEST(Rule3, ALongLineHearsOfRowsBetweenThoughMemoryIsShort) {
  LongLine line(1);
  ASSERT_TRUE(line.asks_for_what_is_between());
  EXPECT_EQ(line.want.count, 10U);
}

// More rows came between than the answer to its Want reaches: what stands behind its end goes.
TEST(Rule3, ALineHasNoGap) {
  LongLine line(1);
  ASSERT_TRUE(line.asks_for_what_is_between());
  for (int i = 1; i <= 9; ++i) line.row(90 + i);
  line.row(100);
  line.bench.say(line.ingest, wire::Rows{line.want.want_id, "p", "api:k", 10, true});
  EXPECT_TRUE(line.has(91));
  EXPECT_TRUE(line.has(100));
  EXPECT_FALSE(line.has(101));  // there may be one between
  EXPECT_FALSE(line.has(109));
}

// Memory is full: what belongs before the last of a line takes its place, so it is asked for.
TEST(Rule3, ALongLineHearsOfRowsBetweenThoughMemoryIsFull) {
  LongLine line(10);
  ASSERT_TRUE(line.asks_for_what_is_between());
  line.row(99);
  for (int i = 0; i < 9; ++i) line.row(100 + i);
  line.bench.say(line.ingest, wire::Rows{line.want.want_id, "p", "api:k", 10, true});
  EXPECT_TRUE(line.has(99));
  EXPECT_TRUE(line.has(108));
  EXPECT_FALSE(line.has(109));
  EXPECT_EQ(line.bench.core->messages(), LongLine::config().messages_max);
}

// Memory is short: what is cancelled, or was settled a moment ago, stands in no line, so nothing
// would leave for it. It has to wait, as any other row.
TEST(Rule3, WhatIsOutOfTurnFindsNoRoomEither) {
  Config config = Bench::config();
  config.messages_max = 4;
  testing::Started s(config);
  const wire::Dispatch first = s.dispatch_one("0");
  s.bench.say(s.dispatcher, s.bench.outcome(first, wire::Ended::kDelivered));
  const auto line = s.bench.said<wire::Record>().front();
  s.bench.say(s.auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
  ASSERT_EQ(s.bench.said<wire::Settled>().size(), 1U);
  s.bench.clear();
  for (int i = 1; i <= 10; ++i) {
    wire::Offer row = s.bench.offer(std::to_string(i), i);
    row.cancelled = true;  // each stays here until its line is in the trail
    s.bench.say(s.ingest, row);
    EXPECT_LE(s.bench.core->messages(), config.messages_max);
  }
  const std::size_t here = s.bench.core->messages();
  const std::size_t away = s.bench.said<wire::Park>().size();
  EXPECT_EQ(here + away, 10U);
  EXPECT_GT(away, 0U);
  s.bench.say(s.ingest, s.bench.offer("0", 0));
  EXPECT_EQ(s.bench.core->messages(), here);
  EXPECT_EQ(s.bench.said<wire::Park>().size(), away + 1);
  EXPECT_EQ(s.bench.said<wire::Park>().back().why, wire::Wait::kUnloaded);
}

std::vector<wire::Park> parks_on_overflow(Config config) {
  Bench bench(std::move(config));
  const auto ingest = bench.up(wire::Role::kIngest);
  for (int i = 0; i < 32; ++i) bench.say(ingest, bench.offer(std::to_string(i), 100 + i));
  bench.say(ingest, bench.offer("early", 50));
  return bench.said<wire::Park>();
}

TEST(Rule3, TheLastInOrderLeavesAFullLine) {
  const Bench names(Bench::config());
  auto parks = parks_on_overflow(Bench::config());
  ASSERT_EQ(parks.size(), 1U);
  EXPECT_EQ(parks[0].identity, names.offer("31", 0).identity);
  EXPECT_EQ(parks[0].origin, wire::Origin::kRow);
  parks = parks_on_overflow(broken(&Mutations::no_overflow));
  ASSERT_EQ(parks.size(), 1U);
  EXPECT_EQ(parks[0].identity, names.offer("early", 0).identity);
}

std::size_t parks_of_a_copy_beside_rows(Config config) {
  Bench bench(std::move(config));
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, bench.parked(1, 5));
  bench.say(ingest, bench.offer("copy", 9, wire::Origin::kQueueCopy));
  return bench.said<wire::Park>().size();
}

TEST(Rule4, AKeyWithRowsTakesOnlyFromItsRows) {
  EXPECT_EQ(parks_of_a_copy_beside_rows(Bench::config()), 1U);
  EXPECT_EQ(parks_of_a_copy_beside_rows(broken(&Mutations::copies_beside_rows)), 0U);
}

TEST(Rule4, CopiesInTheLineAreParkedWhenRowsAreAnnounced) {
  Bench bench(Bench::config());
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, bench.offer("copy", 9, wire::Origin::kQueueCopy));
  EXPECT_TRUE(bench.said<wire::Park>().empty());
  bench.say(ingest, bench.parked(1, 5));
  ASSERT_EQ(bench.said<wire::Park>().size(), 1U);
  EXPECT_EQ(bench.core->messages(), 0U);
}

TEST(Rule4, ACopyThatWouldWaitTooLongIsParked) {
  Bench bench(Bench::config());
  const auto ingest = bench.up(wire::Role::kIngest);
  for (int i = 0; i < 20; ++i) {
    bench.say(ingest, bench.offer(std::to_string(i), i + 1, wire::Origin::kQueueCopy));
  }
  // 6.1 s apart: the sixth would go after 30.5 s.
  EXPECT_EQ(bench.core->messages(), 5U);
  EXPECT_EQ(bench.said<wire::Park>().size(), 15U);
}

TEST(Promises, SettledOnlyAfterTheRecord) {
  for (const bool mutated : {false, true}) {
    World world(3, mutated ? broken(&Mutations::settle_before_record) : Bench::config(), {});
    world.auditor(false);
    world.post_row("api:a", "1");
    world.run_for(seconds(20));
    EXPECT_EQ(world.settled.size(), mutated ? 1U : 0U);
    EXPECT_EQ(world.problems.empty(), !mutated);
    if (mutated) continue;
    world.auditor(true);
    EXPECT_TRUE(world.run_until_settled(seconds(8)));
  }
}

// Of two messages with one identity the second is dead; its line is under a name of its own.
TEST(Promises, WhatLostItsIdentityIsSettledAfterTheRecordToo) {
  testing::Started s;
  const wire::Dispatch dispatch = s.dispatch_one();
  s.bench.say(s.dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  for (const auto& line : s.bench.said<wire::Record>())
    s.bench.say(s.auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
  s.bench.clear();
  wire::Offer other = s.bench.offer("1", 1, wire::Origin::kQueueCopy);
  other.request.body = "other";
  other.content_hash = wire::content_hash_of(other.request);
  s.bench.say(s.ingest, other);
  EXPECT_TRUE(s.bench.said<wire::Settled>().empty());
  const auto lines = s.bench.said<wire::Record>();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].identity, other.identity);
  s.bench.say(s.auditor, wire::Recorded{lines[0].record_id, "", wire::Written::kNow, "", ""});
  const auto settled = s.bench.said<wire::Settled>();
  ASSERT_EQ(settled.size(), 1U);
  EXPECT_EQ(settled[0].identity, other.identity);
  EXPECT_EQ(settled[0].content_hash, other.content_hash);
  EXPECT_EQ(settled[0].reason, wire::kIdConflict);
}

// An outcome names an identity alone. Who inherits the attempt may have another message under it.
TEST(Promises, TheOutcomeOfAnotherMessageOfItsIdentityEndsNobody) {
  testing::Started s;
  const wire::Dispatch dispatch = s.dispatch_one();
  Config heir = Bench::config();
  heir.life = 2;
  s.bench.core = std::make_unique<LimiterCore>(heir, 9);
  s.bench.clear();
  const auto ingest = s.bench.up(wire::Role::kIngest);
  const auto auditor = s.bench.up(wire::Role::kAuditor);
  const auto dispatcher = s.bench.dispatcher(0, 55);
  wire::Offer other = s.bench.offer("1", 1);
  other.request.body = "other";
  other.content_hash = wire::content_hash_of(other.request);
  s.bench.say(ingest, other);
  s.bench.say(dispatcher, s.bench.outcome(dispatch, wire::Ended::kDelivered));
  for (const auto& line : s.bench.said<wire::Record>())
    s.bench.say(auditor, wire::Recorded{line.record_id, "", wire::Written::kNow, "", ""});
  const auto settled = s.bench.said<wire::Settled>();
  ASSERT_EQ(settled.size(), 1U);
  EXPECT_EQ(settled[0].content_hash, other.content_hash);
  EXPECT_EQ(settled[0].reason, wire::kIdConflict);
}

TEST(Promises, NeverOver) {
  for (const bool mutated : {false, true}) {
    World world(4, mutated ? broken(&Mutations::one_grant_too_many) : Bench::config(), {});
    for (int i = 0; i < 30; ++i) world.post_row("api:a", std::to_string(i));
    world.run_for(seconds(150));
    EXPECT_EQ(world.fullest("api:a", seconds(60)) > 10U, mutated);
  }
}

TEST(Promises, WhatWasSettledBeforeIsToldAgain) {
  for (const bool mutated : {false, true}) {
    Config config = mutated ? broken(&Mutations::never_settled_again) : Bench::config();
    WorldFaults faults;
    faults.cut_every = milliseconds(600);
    std::size_t stuck = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      World world(seed, config, faults);
      for (int i = 0; i < 20; ++i) {
        world.at(milliseconds(500 * i), [&world, i] {
          world.post_row("api:" + std::to_string(i % 4), std::to_string(i));
        });
      }
      world.run_for(seconds(40));
      world.stop_faults();
      world.run_until_settled(seconds(200));
      stuck += world.unsettled();
    }
    EXPECT_EQ(stuck > 0, mutated);
  }
}

TEST(Promises, APenaltyClosesTheKeyAtOnce) {
  for (const bool mutated : {false, true}) {
    Bench bench(mutated ? broken(&Mutations::penalty_not_held) : Bench::config());
    const auto dispatcher = bench.dispatcher();
    const auto other = bench.dispatcher();
    const auto ingest = bench.up(wire::Role::kIngest);
    bench.say(dispatcher, wire::Penalty{"api", "api:k", true, seconds(20), false});
    EXPECT_EQ(bench.said<wire::Recall>().size(), 2U);
    bench.say(ingest, bench.offer("1", 1));
    EXPECT_EQ(bench.said<wire::Dispatch>().size(), mutated ? 1U : 0U);
    bench.pass(seconds(21));
    EXPECT_EQ(bench.said<wire::Dispatch>().size(), 1U);
    static_cast<void>(other);
  }
}

// After a penalty the store lets one attempt at a time through, whatever in_flight_per_key says:
// that refuses the head, and nothing behind it may be asked for in its place.
TEST(Promises, TheHeadStaysTheHeadWhileAnAttemptOfOursIsInItsWay) {
  Config config = Bench::config();
  config.upstreams[0].in_flight_per_key = 3;
  Bench bench(config);
  const auto dispatcher = bench.dispatcher();
  const auto ingest = bench.up(wire::Role::kIngest);
  bench.say(ingest, bench.offer("1", 1));
  ASSERT_EQ(bench.said<wire::Dispatch>().size(), 1U);
  wire::Outcome warning =
      bench.outcome(bench.said<wire::Dispatch>().front(), wire::Ended::kThrottled);
  warning.told_to_wait = true;
  bench.say(dispatcher, warning);
  bench.pass(seconds(10));
  bench.clear();
  bench.say(ingest, bench.offer("1", 1));
  ASSERT_EQ(bench.said<wire::Dispatch>().size(), 1U);
  const wire::Dispatch open = bench.said<wire::Dispatch>().front();
  bench.clear();
  for (int i = 2; i < 6; ++i) bench.say(ingest, bench.offer(std::to_string(i), i));
  bench.pass(milliseconds(1'500));
  EXPECT_TRUE(bench.said<wire::Dispatch>().empty());
  bench.say(dispatcher, bench.outcome(open, wire::Ended::kDelivered));
  ASSERT_FALSE(bench.said<wire::Dispatch>().empty());  // at once
  EXPECT_EQ(bench.said<wire::Dispatch>().front().request.body, "2");
}

}  // namespace
}  // namespace sluice::limiter
