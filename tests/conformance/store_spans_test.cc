// What settings say of attempts and closures: one set rules a shard, whoever calls, and what was
// granted by longer ones is waited for (docs/decisions/0030).
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {
namespace {

using wire::Wait;

// W, guard, start_window, max_pause, unknown_hold and overlap of a closure; the timeout comes to
// it.
constexpr Duration kClosure = seconds(60 + 1 + 2 + 60 + 60 + 20);

class StoreSpans : public StoreTest {
 protected:
  // Another limiter, whose settings say so.
  void speak_as(const std::string& instance, Duration timeout) {
    config_.instance = instance;
    config_.upstreams[0].timeout = timeout;
    rig_->speak_as(config_, teller().now);
  }
  void restart_with(Duration timeout) {
    config_.upstreams[0].timeout = timeout;
    rig_->restart_with(config_, teller().now);
  }
  Duration timeout_of_next() {
    ++last_;
    const GrantAnswer answer = teller().grant(ask_of(last_, "up:" + std::to_string(last_)));
    EXPECT_EQ(answer.granted, Granted::kYes) << last_;
    EXPECT_EQ(answer.lease_end, answer.deadline + seconds(60));
    return answer.deadline - answer.start_by;
  }
  Acknowledged clock() {
    return std::get<Acknowledged>(teller().say(AskClock{"up", teller().caller()}).answer);
  }
  // Why it was closed, and until when, as its lines for the trail have it.
  using Line = std::pair<std::string, StoreTime>;
  std::vector<Line> closures() {
    std::vector<Line> found;
    for (const wire::Record& line : clock().outbox) {
      if (line.kind != wire::RecordKind::kHold) continue;
      EXPECT_EQ(line.upstream, "up");
      EXPECT_TRUE(line.key.empty());
      found.emplace_back(line.reason, line.until);
    }
    return found;
  }
  int last_ = 100;
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreSpans, testing::ValuesIn(store_kinds()),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(StoreSpans, the_longer_rules_where_limiters_differ) {
  EXPECT_EQ(timeout_of_next(), seconds(10));
  speak_as("2", seconds(120));
  EXPECT_EQ(timeout_of_next(), seconds(120));
  speak_as("1", seconds(10));
  for (int n = 0; n < 3; ++n) EXPECT_EQ(timeout_of_next(), seconds(120)) << "nobody takes turns";
  speak_as("2", seconds(120));
  restart_with(seconds(30));
  EXPECT_EQ(timeout_of_next(), seconds(30)) << "its own settings have changed";
}

TEST_P(StoreSpans, settings_of_who_says_nothing_are_forgotten_after_an_hour) {
  speak_as("2", seconds(120));
  EXPECT_EQ(timeout_of_next(), seconds(120));
  speak_as("1", seconds(10));
  for (int n = 0; n < 6; ++n) {
    teller().wait(minutes(10));
    EXPECT_EQ(timeout_of_next(), n < 5 ? seconds(120) : seconds(10)) << n;
  }
}

// Attempts of the longer timeout are under way, and Redis is restarted with the new settings.
TEST_P(StoreSpans, a_closure_waits_for_what_was_granted_by_longer_ones) {
  restart_with(seconds(120));
  EXPECT_EQ(timeout_of_next(), seconds(120));
  const StoreTime edited = teller().now;
  restart_with(seconds(10));
  EXPECT_EQ(timeout_of_next(), seconds(10));
  teller().wait(seconds(5));
  rig_->come_back_forgetting(teller().now);
  EXPECT_EQ(clock().closed_until, edited + kClosure + seconds(120));
  EXPECT_EQ(clock().closed_by, ClosedBy::kLife);
  teller().now = edited + seconds(250);
  rig_->come_back_forgetting(teller().now);
  EXPECT_EQ(clock().closed_until, teller().now + kClosure + seconds(10));
}

// The snapshot is older than the longer timeout, or knows of no settings: who has the longer one
// says it to a shard that is closed already.
TEST_P(StoreSpans, a_closure_is_made_longer_by_who_knows_longer_ones) {
  rig_->put_back(teller().now);
  const StoreTime opened = teller().now;
  EXPECT_EQ(clock().closed_until, opened + kClosure + seconds(10));
  EXPECT_EQ(clock().closed_by, ClosedBy::kFirst);
  teller().wait(seconds(100));
  speak_as("2", seconds(120));
  EXPECT_EQ(clock().closed_until, opened + kClosure + seconds(120));
  EXPECT_EQ(clock().closed_by, ClosedBy::kSpans);
  teller().wait(hours(1));
  restart_with(minutes(4));
  EXPECT_EQ(clock().closed_until, opened + kClosure + seconds(120)) << "that is long ago";
}

// Each closure has one line, until it is taken; that it becomes longer for the same reason is none.
TEST_P(StoreSpans, a_closure_is_said_once) {
  EXPECT_TRUE(closures().empty());
  rig_->come_back_forgetting(teller().now);
  const Line first{"closure: life", teller().now + kClosure + seconds(10)};
  EXPECT_EQ(closures(), std::vector<Line>{first});
  teller().wait(seconds(20));
  rig_->come_back_forgetting(teller().now);
  EXPECT_GT(clock().closed_until, first.second);
  EXPECT_EQ(closures(), std::vector<Line>{first});
  speak_as("2", seconds(120));
  const Line longer{"closure: spans", clock().closed_until};
  EXPECT_EQ(closures(), (std::vector<Line>{first, longer}));
  const std::vector<wire::Record> lines = clock().outbox;
  teller().say(Emptied{"up", {Emptied::Line::of(lines.front())}});
  EXPECT_EQ(closures(), std::vector<Line>{longer});
  teller().say(Emptied{"up", {Emptied::Line::of(lines.back())}});
  EXPECT_TRUE(closures().empty());
  teller().now = clock().closed_until;
  rig_->come_back_forgetting(teller().now);
  EXPECT_EQ(closures().size(), 1U);
}

// What ended unknown keeps counting for as long as it might arrive by the longer hold.
TEST_P(StoreSpans, unknown_hold_grows_at_once_and_shrinks_later) {
  config_.upstreams[0].unknown_hold = seconds(20);
  use(config_);
  GrantAsk all = ask_of(1);
  all.cost = 10;
  const StoreTime lease_end = teller().grant(all).lease_end;
  const auto free_at = [&](Duration hold) {
    config_.upstreams[0].unknown_hold = hold;
    rig_->restart_with(config_, teller().now);
    return teller().grant(ask_of(2)).until;
  };
  teller().now = lease_end;
  EXPECT_EQ(free_at(seconds(1)), lease_end + seconds(20 + 61));
  EXPECT_EQ(free_at(seconds(60)), lease_end + seconds(60 + 61));
}

TEST_P(StoreSpans, no_clock_is_believed_that_guards_do_not_cover) {
  config_.clock_error_max = seconds(5);
  rig_->restart_with(config_, teller().now);
  teller().grant(1);
  EXPECT_EQ(teller().complete(1, 1, wire::Ended::kDelivered).wrote, Wrote::kNow);
  Caller behind = teller().caller();
  behind.bounds = {teller().now - milliseconds(502), teller().now - milliseconds(500)};
  const auto reply = teller().say(Grant{behind, {ask_of(2)}});
  EXPECT_EQ(std::get<GrantReply>(reply.answer).answers.at(0).why, Wait::kClockUnsure);
}

}  // namespace
}  // namespace sluice::limiter
