// What a store survives: restarts, forgetting, clocks that step, limits that change.
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {
namespace {

using wire::Ended;
using wire::Wait;

// W + guard + lease + unknown_hold + overlap.
constexpr Duration kClosure = seconds(60 + 1 + 72 + 60 + 20);
// Keys open one after the other, within W.
constexpr Duration kAllOpen = kClosure + seconds(60);

STORE_SUITE(StoreLife);

TEST_P(StoreLife, a_restart_forgets_nothing_and_closes_nothing) {
  for (int n = 0; n < 3; ++n) teller().grant(n);
  teller().complete(0, 1, Ended::kDelivered);
  rig_->restart(teller().now);
  EXPECT_EQ(teller().grant(0).granted, Granted::kSettled);
  EXPECT_EQ(teller().grant(1).serial, 1u);
  EXPECT_EQ(teller().grant(3).why, Wait::kPacing);
  Teller heir(*rig_, 2);
  EXPECT_EQ(heir.grant(1).granted, Granted::kUnderway);
  EXPECT_EQ(teller().complete(1, 1, Ended::kDelivered).wrote, Wrote::kNow);
}

TEST_P(StoreLife, a_store_that_may_have_forgotten_closes) {
  teller().grant(1);
  rig_->come_back_forgetting(teller().now);
  const auto closed = teller().grant(2);
  EXPECT_EQ(closed.why, Wait::kClosure);
  EXPECT_GE(closed.until, kStart + kClosure);
  EXPECT_LT(closed.until, kStart + kAllOpen);
  const auto clock = teller().say(AskClock{"up", teller().caller()});
  EXPECT_EQ(std::get<Acknowledged>(clock.answer).closed_until, kStart + kClosure);
  EXPECT_EQ(clock.now, kStart);
  EXPECT_EQ(teller().peek().closed_until, closed.until);
  teller().now = closed.until - microseconds(1);
  EXPECT_EQ(teller().grant(2).why, Wait::kClosure);
  teller().now = closed.until;
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
  rig_->restart(teller().now);
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
}

// Who was promoted is demoted again, for the one of before: on three masters with replicas these
// are two servers, elsewhere one that was a replica for a moment, twice.
TEST_P(StoreLife, who_comes_back_to_power_has_another_life_again) {
  for (int n = 1; n <= 3; ++n) {
    EXPECT_EQ(teller().grant(n).granted, Granted::kYes);
    rig_->come_back_forgetting(teller().now);
    const GrantAnswer closed = teller().grant(10 + n);
    EXPECT_EQ(closed.why, Wait::kClosure) << n;
    EXPECT_GE(closed.until, teller().now + kClosure) << n;
    teller().now = closed.until;
  }
}

TEST_P(StoreLife, serials_of_before_a_closure_never_come_back) {
  const auto before = teller().grant(1);
  rig_->come_back_forgetting(teller().now);
  teller().peek();
  teller().wait(kAllOpen);
  EXPECT_GT(teller().grant(1).serial, before.serial + 1'000'000);
  EXPECT_GT(teller().grant(2).serial, 1'000'000u);
}

TEST_P(StoreLife, offered_before_it_opened_and_unknown_has_an_unknown_fate) {
  config_.upstreams[0].on_unknown = OnUnknown::kDead;
  use(config_);
  GrantAsk offered = ask_of(1);
  offered.offered_before = true;
  EXPECT_EQ(teller().grant(offered).granted, Granted::kYes);  // a fresh store forgot nothing
  offered = ask_of(2);
  offered.offered_before = true;
  teller().wait(seconds(1));
  rig_->come_back_forgetting(teller().now);
  teller().wait(kClosure);
  teller().grant(ask_of(99, "up:first"));
  teller().wait(kAllOpen);
  const auto fate = teller().grant(offered);
  EXPECT_EQ(fate.granted, Granted::kSettled);
  EXPECT_EQ(fate.end.reason, "unknown");
  GrantAsk fresh = ask_of(3);
  EXPECT_EQ(teller().grant(fresh).granted, Granted::kYes);
  GrantAsk newer = ask_of(4);
  newer.offered_before = true;
  newer.first_seen = teller().now;
  EXPECT_EQ(teller().grant(newer).granted, Granted::kYes);
}

TEST_P(StoreLife, settled_before_is_said_even_while_closed) {
  teller().grant(1);
  teller().complete(1, 1, Ended::kDelivered);
  rig_->come_back_forgetting(teller().now);
  EXPECT_EQ(teller().grant(1).granted, Granted::kSettled);
}

TEST_P(StoreLife, time_never_goes_back) {
  teller().wait(seconds(100));
  teller().grant(1);
  teller().skew = -milliseconds(200);
  const auto reply = teller().say(AskClock{"up", teller().caller()});
  EXPECT_EQ(reply.now, teller().now);
}

// After a closure every log is empty: keys that all began at once would meet the upstream together.
TEST_P(StoreLife, keys_reopen_spread_over_the_window) {
  teller().grant(1);
  rig_->come_back_forgetting(teller().now);
  int early = 0;
  for (int n = 0; n < 40; ++n) {
    const auto closed = teller().grant(ask_of(100 + n, "up:user" + std::to_string(n)));
    ASSERT_EQ(closed.why, Wait::kClosure);
    EXPECT_LT(closed.until, kStart + kAllOpen);
    if (closed.until < kStart + kClosure + seconds(30)) ++early;
  }
  EXPECT_GT(early, 8);
  EXPECT_LT(early, 32);
}

TEST_P(StoreLife, calls_that_carry_no_bounds_teach_no_time) {
  EXPECT_EQ(teller().say(Peek{"up", {"up:user"}}).now, StoreTime{});
  EXPECT_EQ(teller().say(Forget{"up", {}}).now, StoreTime{});
  EXPECT_EQ(teller().say(AskClock{"up", {}}).now, kStart);
}

TEST_P(StoreLife, in_a_batch_later_calls_see_earlier_ones) {
  const auto replies =
      rig_->say({{1, Grant{teller().caller(), {ask_of(1), ask_of(2), ask_of(3), ask_of(4)}}},
                 {2, Grant{teller().caller(), {ask_of(1)}}}},
                kStart);
  ASSERT_EQ(replies.size(), 2u);
  const auto& first = std::get<GrantReply>(replies[0].answer).answers;
  EXPECT_EQ(first[2].granted, Granted::kYes);
  EXPECT_EQ(first[3].why, Wait::kPacing);
  EXPECT_EQ(std::get<GrantReply>(replies[1].answer).answers[0].serial, 1u);
}

}  // namespace
}  // namespace sluice::limiter
