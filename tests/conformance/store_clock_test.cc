// Clocks that leap for a moment, and clocks that step (docs/decisions/0034).
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {
namespace {

using wire::Ended;
using wire::Wait;

// W + guard + lease + unknown_hold + overlap.
constexpr Duration kClosure = seconds(60 + 1 + 72 + 60 + 20);
constexpr Duration kAllOpen = kClosure + seconds(60);

class StoreSteps : public StoreTest {
 protected:
  Acknowledged ask(bool doubted = false) {
    Caller caller = teller().caller();
    caller.doubted = doubted;
    const StoreReply reply = teller().say(AskClock{"up", caller});
    told_ = reply.now;
    return std::get<Acknowledged>(reply.answer);
  }
  // Its clock steps, and a caller finds it off for a while.
  Acknowledged step(Duration by) {
    teller().grant(1);
    teller().wait(seconds(10));
    teller().skew = by;
    EXPECT_EQ(teller().grant(2).why, Wait::kClockUnsure);
    teller().wait(seconds(2));
    return ask(true);
  }
  StoreTime told_;
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreSteps, testing::ValuesIn(all_store_kinds()),
                         [](const auto& kind) { return kind.param.name; });

constexpr Duration kSteps[] = {seconds(300), seconds(-300), hours(1), hours(-1)};

TEST_P(StoreSteps, a_leap_of_a_moment_leaves_no_trace) {
  for (const Duration by : kSteps) {
    use(config_);
    teller().grant(1);
    teller().wait(seconds(10));
    teller().skew = by;
    EXPECT_EQ(teller().grant(2).why, Wait::kClockUnsure);
    EXPECT_EQ(ask().closed_until, StoreTime{});
    EXPECT_EQ(told_, by.us > 0 ? teller().now + by : kStart) << "its caller is to judge";
    EXPECT_EQ(teller().complete(1, 1, Ended::kDelivered).wrote, Wrote::kNow);
    teller().skew = {};
    EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
    EXPECT_EQ(ask().closed_until, StoreTime{});
    EXPECT_GE(told_, teller().now);
    EXPECT_LE(told_, teller().now + milliseconds(1)) << "no further than its caller knew it";
    EXPECT_EQ(teller().peek().logs.at(0).slots.at(0).at, teller().now + milliseconds(1));
  }
}

TEST_P(StoreSteps, a_step_closes_and_store_time_goes_on) {
  for (const Duration by : kSteps) {
    use(config_);
    const Acknowledged closed = step(by);
    const StoreTime low = teller().now - milliseconds(1);
    EXPECT_EQ(told_, low);
    EXPECT_EQ(closed.closed_until, low + kClosure);
    EXPECT_EQ(closed.closed_by, by.us > 0 ? ClosedBy::kContradicted : ClosedBy::kBack);
    EXPECT_EQ(closed.offset, Duration{0} - by - milliseconds(1));
    EXPECT_EQ(teller().grant(2).why, Wait::kClosure);
    teller().wait(kAllOpen);
    EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
    EXPECT_EQ(ask(true).closed_until, low + kClosure) << "a doubt that is over closes nothing";
  }
}

TEST_P(StoreSteps, a_clock_that_is_right_again_costs_nothing) {
  for (const Duration by : kSteps) {
    use(config_);
    const StoreTime closed = step(by).closed_until;
    teller().wait(kAllOpen);
    EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
    teller().complete(2, 1, Ended::kDelivered);
    teller().wait(seconds(1));
    teller().skew = {};
    EXPECT_EQ(teller().grant(3).granted, Granted::kYes);
    const Acknowledged healed = ask();
    EXPECT_EQ(healed.offset, Duration{0});
    EXPECT_EQ(healed.closed_until, closed);
    EXPECT_EQ(told_, teller().now);
  }
}

TEST_P(StoreSteps, a_doubt_about_a_clock_that_is_right_changes_nothing) {
  teller().grant(1);
  teller().wait(seconds(1));
  const Acknowledged same = ask(true);
  EXPECT_EQ(same.closed_until, StoreTime{});
  EXPECT_EQ(same.offset, Duration{0});
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
}

TEST_P(StoreSteps, a_small_step_closes_too) {
  teller().grant(1);
  teller().wait(seconds(1));
  teller().skew = milliseconds(100);
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
  const StoreTime stepped = teller().now + teller().skew;
  EXPECT_EQ(ask(true).closed_until, stepped + kClosure);
  EXPECT_EQ(told_, stepped) << "its caller goes by it from now on";
  EXPECT_EQ(ask().offset, Duration{0});
}

TEST_P(StoreSteps, who_gives_in_closes_it_and_moves_nothing) {
  teller().grant(1);
  teller().wait(seconds(10));
  teller().skew = seconds(300);
  Caller yields = teller().caller();
  yields.bounds = {};
  yields.doubted = true;
  const StoreReply reply = teller().say(AskClock{"up", yields});
  EXPECT_EQ(reply.now, teller().now + seconds(300));
  const auto& closed = std::get<Acknowledged>(reply.answer);
  EXPECT_EQ(closed.closed_until, reply.now + kClosure);
  EXPECT_EQ(closed.offset, Duration{0});
  teller().now = reply.now;
  teller().skew = {};
  EXPECT_EQ(teller().grant(2).why, Wait::kClosure);
}

// Another one knows it to be later: it stands still, and closes no further each time that it is
// told.
TEST_P(StoreSteps, a_caller_that_is_behind_waits) {
  teller().wait(seconds(10));
  teller().grant(1);
  const StoreTime last = teller().now;
  teller().now = last - seconds(10);
  const StoreTime closed = ask(true).closed_until;
  EXPECT_EQ(closed, last + kClosure);
  EXPECT_EQ(told_, last);
  teller().wait(seconds(5));
  EXPECT_EQ(ask(true).closed_until, closed);
  EXPECT_EQ(told_, last);
  EXPECT_EQ(teller().grant(2).why, Wait::kClockUnsure);
  teller().wait(seconds(6));
  EXPECT_EQ(teller().grant(2).why, Wait::kClosure);
}

TEST_P(StoreSteps, who_knows_no_time_moves_none) {
  teller().grant(1);
  teller().skew = hours(1);
  EXPECT_EQ(teller().say(AskClock{"up", {}}).now, teller().now + hours(1));
  teller().skew = {};
  EXPECT_EQ(teller().say(AskClock{"up", {}}).now, teller().now);
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
}

TEST_P(StoreSteps, a_pause_that_is_said_while_it_leaps_forgets_no_slot) {
  for (int n = 1; n <= 3; ++n) {
    ASSERT_EQ(teller().grant(n).granted, Granted::kYes);
    teller().complete(n, 1, Ended::kDelivered);
  }
  teller().skew = hours(23);
  const wire::Hold pause{wire::HoldKind::kPause, {}, "ann"};
  teller().say(SetHold{"up", "up:user", true, pause});
  teller().say(SetHold{"up", "up:user", false, pause});
  teller().skew = {};
  EXPECT_EQ(teller().peek().logs.at(0).slots.size(), 3u);
  EXPECT_EQ(teller().grant(4).why, Wait::kPacing);
}

TEST_P(StoreSteps, a_penalty_of_that_moment_is_not_shorter) {
  for (const Duration by : kSteps) {
    use(config_);
    teller().grant(1);
    teller().wait(seconds(20));
    teller().skew = by;
    Completion warned = completion_of(1, 1, Ended::kThrottled);
    warned.consequence.penalty = seconds(120);
    warned.consequence.penalty_was_told = true;
    EXPECT_EQ(teller().complete(warned).closed_until,
              teller().now + milliseconds(1) + seconds(120));
  }
}

}  // namespace
}  // namespace sluice::limiter
