// Limits that are edited: tighter holds at once, looser forgets nothing, what no log can know
// counts as what the old limit could have let through.
#include "lib/wire/limits.h"
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {
namespace {

using wire::Ended;
using wire::Wait;

class StoreEdit : public StoreTest {
 protected:
  Limit& limit() { return config_.upstreams[0].limits[0]; }
  void SetUp() override {
    StoreTest::SetUp();
    teller().peek();
  }
  // Each shard is told with its next call. Limiters have asked for the time shortly before.
  void edit() {
    teller().say(AskClock{"up", teller().caller()});
    rig_->restart_with(config_, teller().now);
    teller().peek();
  }
  // So many are sent and answered, one each 6 s.
  void send(int from, int count) {
    for (int n = from; n < from + count; ++n) {
      ASSERT_EQ(teller().grant(n).granted, Granted::kYes) << n;
      teller().complete(n, 1, Ended::kDelivered);
      teller().wait(seconds(6));
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreEdit, testing::ValuesIn(all_store_kinds()),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(StoreEdit, a_longer_window_starts_as_full_as_the_old_could_have_made_it) {
  teller().grant(1);
  teller().complete(1, 1, Ended::kDelivered);
  teller().wait(seconds(100));
  limit().window = seconds(300);
  edit();
  const auto full = teller().grant(2);  // 10 in each of the 4 minutes that no log reaches
  EXPECT_EQ(full.why, Wait::kWindowFull);
  EXPECT_EQ(full.until, teller().now + seconds(240));
  EXPECT_EQ(teller().peek().limits.at(0).held, 40u);
  teller().now = full.until - microseconds(1);
  EXPECT_EQ(teller().grant(2).granted, Granted::kWait);
  teller().now = full.until;
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
}

// A key's record says nothing any more once its windows are over: the longer ones.
TEST_P(StoreEdit, what_a_longer_window_counts_is_not_purged) {
  send(1, 10);
  limit().window = seconds(300);
  edit();
  // What no log knows is out of the window, and the first of those that the log knows.
  teller().wait(seconds(242));
  EXPECT_EQ(teller().grant(11).granted, Granted::kYes);
  const auto full = teller().grant(12);
  EXPECT_EQ(full.why, Wait::kWindowFull);
  EXPECT_GT(full.until, teller().now + seconds(4));
  EXPECT_LT(full.until, teller().now + seconds(6));
}

// A store may have deleted it already.
TEST_P(StoreEdit, what_was_over_before_the_edit_does_not_come_back) {
  send(1, 3);
  teller().wait(seconds(400));
  limit().window = seconds(300);
  edit();
  EXPECT_TRUE(teller().peek().logs.at(0).slots.empty());
}

// A store keeps what is over for 10 minutes more, in case that an edit needs it after all; longer
// ones start full until nothing of before them can matter.
TEST_P(StoreEdit, a_window_that_is_much_longer_starts_full) {
  teller().grant(1);
  teller().complete(1, 1, Ended::kDelivered);
  limit().window = seconds(60 + 601);
  edit();
  const Upstream& upstream = config_.upstreams[0];
  const Duration lease = upstream.start_window + upstream.timeout + upstream.max_pause;
  const StoreTime until =
      teller().now + lease + upstream.unknown_hold + limit().window + limit().guard;
  EXPECT_EQ(teller().grant(2).until, until);
  teller().now = until;
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
}

// However much longer: what stands in a record that some stores have deleted by now, says nothing
// in any.
TEST_P(StoreEdit, a_penalty_of_before_a_window_that_is_much_longer_is_forgotten_alike) {
  teller().grant(1);
  Completion warned = completion_of(1, 1, Ended::kThrottled);
  warned.consequence.penalty = seconds(10);
  warned.consequence.penalty_was_told = true;
  teller().complete(warned);
  limit().window = hours(72);
  edit();
  const Upstream& upstream = config_.upstreams[0];
  const StoreTime idle =
      teller().caller().bounds.high + upstream.unknown_hold + seconds(61) + upstream.penalty_max;
  for (const Duration later : {minutes(0), minutes(10) - microseconds(1)}) {
    teller().now = idle + later;
    EXPECT_TRUE(teller().peek().one_at_a_time);
  }
  for (const Duration later : {minutes(10), hours(25), hours(60)}) {
    teller().now = idle + later;
    EXPECT_FALSE(teller().peek().one_at_a_time) << later.us;
    EXPECT_EQ(teller().grant(2).why, Wait::kWindowFull);
  }
}

TEST_P(StoreEdit, a_longer_window_with_more_room_keeps_the_rest) {
  teller().wait(seconds(1'000));
  limit().window = seconds(300);
  limit().n = 42;
  edit();
  EXPECT_EQ(teller().grant(1).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
  const auto full = teller().grant(3);
  EXPECT_EQ(full.why, Wait::kWindowFull);
  EXPECT_EQ(full.until, teller().now + seconds(240));
}

// What was longer ago than the last edit was ruled by another limit, which may have let through
// anything.
TEST_P(StoreEdit, two_edits_in_one_window_trust_nothing) {
  teller().grant(1);
  limit().n = 3;
  edit();
  teller().wait(seconds(10));
  limit().n = 1'000;
  limit().window = seconds(300);
  edit();
  EXPECT_EQ(teller().grant(2).until, teller().now + seconds(240));
}

TEST_P(StoreEdit, a_shorter_window_and_back_remembers_no_more_than_the_shorter) {
  send(1, 3);
  limit().window = seconds(10);
  limit().burst = 10;
  edit();
  EXPECT_EQ(teller().grant(4).granted, Granted::kYes);
  teller().complete(4, 1, Ended::kDelivered);
  limit().window = seconds(60);
  edit();
  EXPECT_EQ(teller().grant(5).why, Wait::kWindowFull);
  EXPECT_EQ(teller().grant(5).until, teller().now + seconds(50));
}

TEST_P(StoreEdit, a_tighter_limit_holds_at_once) {
  for (int n = 0; n < 3; ++n) teller().grant(n);
  limit().n = 3;
  limit().window = seconds(50);
  teller().wait(seconds(49));
  edit();
  EXPECT_EQ(teller().grant(3).why, Wait::kWindowFull);
}

TEST_P(StoreEdit, n_below_what_is_open_waits_for_it) {
  for (int n = 0; n < 3; ++n) teller().grant(n);
  limit().n = 1;
  limit().burst = 1;
  edit();
  teller().wait(seconds(30));
  for (int n = 0; n < 3; ++n) teller().complete(n, 1, Ended::kDelivered);
  const auto full = teller().grant(3);
  EXPECT_EQ(full.why, Wait::kWindowFull);
  EXPECT_EQ(full.until, teller().now + milliseconds(61'001));
  teller().now = full.until;
  EXPECT_EQ(teller().grant(3).granted, Granted::kYes);
}

TEST_P(StoreEdit, a_looser_limit_forgets_nothing) {
  send(1, 10);
  limit().n = 11;
  edit();
  EXPECT_EQ(teller().grant(11).granted, Granted::kYes);
  teller().wait(milliseconds(1));
  EXPECT_EQ(teller().peek().logs.at(0).slots.size(), 11u);
  EXPECT_EQ(teller().grant(12).granted, Granted::kWait);
}

TEST_P(StoreEdit, a_greater_burst_lets_more_go_at_once) {
  for (int n = 0; n < 3; ++n) EXPECT_EQ(teller().grant(n).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(3).why, Wait::kPacing);
  limit().burst = 5;
  edit();
  EXPECT_EQ(teller().grant(3).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(4).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(5).why, Wait::kPacing);
}

TEST_P(StoreEdit, a_longer_guard_is_full_for_what_it_is_longer) {
  teller().wait(seconds(500));
  limit().guard = seconds(5);
  edit();
  EXPECT_EQ(teller().grant(1).until, teller().now + seconds(4));
}

TEST_P(StoreEdit, a_renamed_limit_keeps_its_log) {
  send(1, 10);
  limit().name = "another";
  edit();
  const auto full = teller().grant(11);
  EXPECT_EQ(full.why, Wait::kWindowFull);
  EXPECT_EQ(full.limit, "another");
  EXPECT_EQ(full.until, kStart + milliseconds(61'001));
}

// 20 per 20 s beside 10 per 60 s: no log of it knows what is open. It may be full, until all that
// was open has arrived and gone by.
TEST_P(StoreEdit, a_new_limit_knows_nothing_of_what_is_open) {
  teller().grant(1);
  config_.upstreams[0].limits.push_back(
      Limit{"second", LimitScope::kKey, 20, seconds(20), 20, seconds(1)});
  edit();
  EXPECT_EQ(teller().peek().limits.at(1).held, 20u);
  teller().wait(seconds(100));
  const auto full = teller().grant(2);
  EXPECT_EQ(full.limit, "second");
  EXPECT_EQ(full.until, kStart + seconds(72 + 60 + 21));
  teller().now = full.until;
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
}

TEST_P(StoreEdit, another_scope_is_another_limit) {
  send(1, 1);
  limit().scope = LimitScope::kUpstream;
  edit();
  EXPECT_EQ(teller().grant(ask_of(2, "up:other")).why, Wait::kWindowFull);
}

TEST_P(StoreEdit, a_limit_that_was_taken_out_and_comes_back_is_new) {
  config_.upstreams[0].limits.push_back(
      Limit{"second", LimitScope::kKey, 2, seconds(20), 2, seconds(1)});
  use(config_);
  const Limit second = config_.upstreams[0].limits.back();
  for (int n = 0; n < 2; ++n) EXPECT_EQ(teller().grant(n).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(2).limit, "second");
  config_.upstreams[0].limits.pop_back();
  edit();
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
  config_.upstreams[0].limits.push_back(second);
  edit();
  EXPECT_EQ(teller().grant(3).limit, "second");
  EXPECT_EQ(teller().peek().logs.at(1).slots.size(), 0u);
}

TEST_P(StoreEdit, a_shadow_that_becomes_real_knows_what_went) {
  limit().shadow = true;
  config_.upstreams[0].limits.push_back(
      Limit{"wide", LimitScope::kKey, 100, seconds(60), 100, seconds(1)});
  use(config_);
  for (int n = 0; n < 12; ++n) EXPECT_EQ(teller().grant(n).granted, Granted::kYes);
  limit().shadow = false;
  edit();
  EXPECT_EQ(teller().grant(12).limit, "window");
}

// As a shadow it let through anything: it bounds nothing of what a new limit cannot know.
TEST_P(StoreEdit, a_limit_that_was_a_shadow_does_not_bound_a_new_one) {
  limit().shadow = true;
  use(config_);
  teller().wait(seconds(1'000));
  for (int n = 0; n < 30; ++n) {
    EXPECT_EQ(teller().grant(n).granted, Granted::kYes);
    teller().complete(n, 1, Ended::kDelivered);
  }
  limit().shadow = false;
  edit();
  teller().wait(seconds(70));
  config_.upstreams[0].limits.push_back(
      Limit{"long", LimitScope::kKey, 40, seconds(120), 40, seconds(1)});
  edit();
  EXPECT_EQ(teller().grant(31).limit, "long");
}

// So is one over which sends elsewhere went.
TEST_P(StoreEdit, a_limit_that_was_exceeded_does_not_bound_a_longer_window) {
  teller().wait(seconds(1'000));
  teller().say(Consume{teller().caller(), "up", "up:user", 50, {}, identity_of(77), "ann"});
  teller().wait(seconds(90));
  limit().window = seconds(120);
  limit().n = 30;
  edit();
  EXPECT_EQ(teller().grant(1).why, Wait::kWindowFull);
}

TEST_P(StoreEdit, an_edit_is_on_record_once) {
  teller().grant(1);
  limit().n = 20;
  const std::uint64_t before = rig_->limits_version;
  edit();
  const auto first = teller().say(Grant{teller().caller(), {ask_of(2)}});
  const auto outbox = std::get<GrantReply>(first.answer).outbox;
  ASSERT_EQ(outbox.size(), 1u);
  EXPECT_EQ(outbox[0].kind, wire::RecordKind::kLimits);
  EXPECT_EQ(outbox[0].upstream, "up");
  EXPECT_EQ(outbox[0].reason, "by settings; window: 20 per 60000ms burst 3 guard 1000ms");
  EXPECT_EQ(outbox[0].record_id.size(), 16u);
  EXPECT_EQ(outbox[0].limit_rows, wire::rows_of(config_.upstreams[0].limits));
  EXPECT_EQ(outbox[0].limits_version, rig_->limits_version);
  EXPECT_EQ(outbox[0].limits_before, before);
  edit();  // the same settings again
  const auto again = teller().say(AskClock{"up", teller().caller()});
  EXPECT_EQ(std::get<Acknowledged>(again.answer).outbox.at(0).record_id, outbox[0].record_id);
  EXPECT_EQ(std::get<Acknowledged>(again.answer).outbox.size(), 1u);
  teller().say(Emptied{"up", {Emptied::Line::of(outbox[0])}});
  const auto after = teller().say(AskClock{"up", teller().caller()});
  EXPECT_TRUE(std::get<Acknowledged>(after.answer).outbox.empty());
}

}  // namespace
}  // namespace sluice::limiter
