// Several limits, what makes them tighter, and what only counts.
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {
namespace {

using wire::Ended;
using wire::Wait;

STORE_SUITE(StoreLimits);

Limit at_once(std::uint32_t n, LimitScope scope) {
  Limit limit{"at once", scope, n};
  limit.kind = LimitKind::kConcurrency;
  return limit;
}
constexpr Duration kBound = milliseconds(1);  // a completion is at the upper bound

TEST_P(StoreLimits, concurrency_of_a_key_and_of_the_upstream) {
  for (const LimitScope scope : {LimitScope::kKey, LimitScope::kUpstream}) {
    use(config_of({at_once(2, scope)}));
    const auto first = teller().grant(1);
    teller().wait(seconds(1));
    EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
    const auto full = teller().grant(3);
    EXPECT_EQ(full.why, Wait::kInFlight);
    EXPECT_EQ(full.limit, "at once");
    EXPECT_EQ(full.until, first.lease_end);
    const auto other = teller().grant(ask_of(4, "up:other"));
    EXPECT_EQ(other.granted == Granted::kYes, scope == LimitScope::kKey);
    teller().complete(2, 1, Ended::kFailed);
    EXPECT_EQ(teller().grant(3).granted, Granted::kYes);
    teller().now = first.lease_end;
    EXPECT_EQ(teller().grant(5).granted, Granted::kYes) << "a lease that has ended is not open";
  }
}

TEST_P(StoreLimits, concurrency_counts_cost_and_gives_back) {
  use(config_of({at_once(4, LimitScope::kUpstream)}));
  GrantAsk heavy = ask_of(1);
  heavy.cost = 3;
  EXPECT_EQ(teller().grant(heavy).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(3).why, Wait::kInFlight);
  teller().complete(1, 1, Ended::kNotStarted);
  EXPECT_EQ(teller().grant(3).granted, Granted::kYes);
  heavy = ask_of(4);
  heavy.cost = 5;
  EXPECT_EQ(teller().grant(heavy).end.reason, "cost");
}

TEST_P(StoreLimits, what_opens_last_is_named) {
  Limit rate{"rate", LimitScope::kKey, 1, seconds(600), 1, seconds(1)};
  use(config_of({at_once(1, LimitScope::kUpstream), rate}));
  EXPECT_EQ(teller().grant(1).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(2).limit, "rate");
  EXPECT_EQ(teller().grant(ask_of(3, "up:other")).limit, "at once");
  EXPECT_TRUE(teller().peek("up:other").logs.at(1).slots.empty());  // all or nothing
}

TEST_P(StoreLimits, auto_is_as_many_as_the_rate_needs) {
  config_ = config_of({Limit{"rate", LimitScope::kKey, 60, seconds(60), 60, seconds(1)}});
  config_.upstreams[0].in_flight_per_key = kInFlightAuto;
  use(config_);
  const auto first = teller().grant(1);
  const auto full = teller().grant(2);
  EXPECT_EQ(full.why, Wait::kInFlight);
  EXPECT_EQ(full.until, first.lease_end);
  EXPECT_EQ(full.limit, "");
  teller().wait(seconds(3));
  Completion done = completion_of(1, 1, Ended::kDelivered);
  teller().complete(done);  // 60 x 3 / (60 + 1 + 3) = 2.8
  EXPECT_EQ(teller().peek().in_flight, 3u);
  for (int n = 2; n < 5; ++n) EXPECT_EQ(teller().grant(n).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(5).why, Wait::kInFlight);
  rig_->restart(teller().now);
  EXPECT_EQ(teller().peek().in_flight, 3u);
}

TEST_P(StoreLimits, a_penalty_is_lived_down_slowly) {
  use(config_of({Limit{"rate", LimitScope::kKey, 8, seconds(60), 8, seconds(1)}}));
  EXPECT_EQ(teller().grant(1).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
  Completion throttled = completion_of(1, 1, Ended::kThrottled);
  throttled.consequence.penalty = seconds(200);
  throttled.consequence.penalty_was_told = true;
  teller().complete(throttled);
  teller().complete(2, 1, Ended::kDelivered);  // granted before: proves nothing
  teller().wait(seconds(200));
  EXPECT_EQ(teller().grant(3).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(4).why, Wait::kInFlight);
  EXPECT_TRUE(teller().peek().one_at_a_time);
  EXPECT_EQ(teller().peek().in_flight, 1u);
  rig_->restart(teller().now);
  teller().complete(3, 1, Ended::kDelivered);
  const StoreTime opened = teller().now;
  EXPECT_EQ(teller().peek().limits.at(0).n, 4u);
  EXPECT_EQ(teller().peek().limits.at(0).grows_at, opened + seconds(60));
  for (int n = 4; n < 7; ++n) EXPECT_EQ(teller().grant(n).granted, Granted::kYes);
  for (int n = 4; n < 7; ++n) teller().complete(n, 1, Ended::kDelivered);
  const auto fifth = teller().grant(7);  // n = 5 comes before the window opens
  EXPECT_EQ(fifth.why, Wait::kWindowFull);
  EXPECT_EQ(fifth.until, opened + seconds(60));
  teller().now = fifth.until - microseconds(1);
  EXPECT_EQ(teller().grant(7).granted, Granted::kWait);
  teller().now = fifth.until;
  EXPECT_EQ(teller().grant(7).granted, Granted::kYes);
  teller().now = opened + seconds(4 * 60);
  EXPECT_EQ(teller().peek().limits.at(0).n, 8u);
  EXPECT_EQ(teller().peek().limits.at(0).grows_at, StoreTime{});
}

TEST_P(StoreLimits, a_costly_message_goes_while_a_key_opens_slowly) {
  GrantAsk heavy = ask_of(2);
  heavy.cost = 10;
  teller().grant(1);
  Completion throttled = completion_of(1, 1, Ended::kThrottled);
  throttled.consequence.penalty = seconds(100);
  teller().complete(throttled);
  teller().wait(seconds(100));
  EXPECT_EQ(teller().grant(heavy).granted, Granted::kYes);
}

TEST_P(StoreLimits, shadows_refuse_nothing_and_say_what_they_would_have) {
  Limit shadow{"shadow", LimitScope::kKey, 2, seconds(60), 2, seconds(1)};
  shadow.shadow = true;
  use(config_of({Limit{"real", LimitScope::kKey, 5, seconds(60), 5, seconds(1)}, shadow}));
  for (int n = 0; n < 5; ++n) {
    const auto answer = teller().grant(n);
    EXPECT_EQ(answer.granted, Granted::kYes);
    const std::vector<std::string> wanted = {"shadow"};
    EXPECT_EQ(answer.shadow_refused, n < 2 ? std::vector<std::string>{} : wanted) << n;
    EXPECT_TRUE(teller().grant(n).shadow_refused.empty()) << "asked again, counted once";
  }
  EXPECT_EQ(teller().grant(5).limit, "real");
  GrantAsk heavy = ask_of(9, "up:other");
  heavy.cost = 3;
  EXPECT_EQ(teller().grant(heavy).granted, Granted::kYes);
}

TEST_P(StoreLimits, what_was_sent_elsewhere_counts_once) {
  const Consume call{teller().caller(), "up", "up:user", 8, {}, identity_of(77), "ann"};
  for (int twice = 0; twice < 2; ++twice) {
    const auto reply = teller().say(call);
    const auto& answer = std::get<Acknowledged>(reply.answer);
    ASSERT_EQ(answer.outbox.size(), 1u);
    EXPECT_EQ(answer.outbox[0].kind, wire::RecordKind::kConsume);
    EXPECT_EQ(answer.outbox[0].units, 8u);
    EXPECT_EQ(answer.outbox[0].key, "up:user");
    EXPECT_EQ(answer.outbox[0].reason, "by ann");
    EXPECT_EQ(answer.outbox[0].identity, identity_of(77));
  }
  EXPECT_EQ(teller().grant(1).why, Wait::kPacing);
  teller().wait(seconds(30));
  EXPECT_EQ(teller().grant(1).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
  const auto full = teller().grant(3);
  EXPECT_EQ(full.why, Wait::kWindowFull);
  EXPECT_EQ(full.until, kStart + kBound + seconds(61));
  EXPECT_EQ(teller().grant(ask_of(4, "up:other")).granted, Granted::kYes);
  const auto line = std::get<Acknowledged>(teller().say(call).answer).outbox.at(0);
  teller().say(Emptied{"up", {Emptied::Line::of(line)}});
  EXPECT_TRUE(std::get<Acknowledged>(teller().say(call).answer).outbox.empty());
}

TEST_P(StoreLimits, more_than_n_may_have_been_sent_elsewhere_in_bounded_memory) {
  for (int n = 0; n < 500; ++n) {
    teller().say(Consume{teller().caller(), "up", "up:user", 3, {}, identity_of(1000 + n), "ann"});
    teller().wait(milliseconds(1));
  }
  EXPECT_LE(teller().peek().logs.at(0).slots.size(), 64u);
  EXPECT_EQ(teller().grant(1).why, Wait::kWindowFull);
  teller().wait(seconds(70));
  EXPECT_EQ(teller().grant(1).granted, Granted::kYes);
}

TEST_P(StoreLimits, an_upstream_may_be_charged_as_a_whole) {
  use(config_of({Limit{"key", LimitScope::kKey, 5, seconds(60), 5, seconds(1)},
                 Limit{"whole", LimitScope::kUpstream, 5, seconds(60), 5, seconds(1)}}));
  teller().say(Consume{teller().caller(), "up", "", 5, {}, identity_of(77), "ann"});
  EXPECT_EQ(teller().grant(1).limit, "whole");
  EXPECT_TRUE(teller().peek().logs.at(0).slots.empty());
}

TEST_P(StoreLimits, what_the_upstream_says_is_left_tightens) {
  teller().grant(1);
  teller().grant(2);
  Completion done = completion_of(1, 1, Ended::kDelivered);
  done.outcome.quota_told = true;
  done.outcome.quota_left = 2;  // 2 is open, and may not be counted there yet
  done.outcome.quota_reset = seconds(40);
  teller().complete(done);
  teller().wait(seconds(20));
  EXPECT_EQ(teller().peek().told_left, 1u);
  EXPECT_EQ(teller().grant(3).granted, Granted::kYes);
  const auto held = teller().grant(4);
  EXPECT_EQ(held.why, Wait::kWindowFull);
  EXPECT_EQ(held.limit, kTold);
  EXPECT_EQ(held.until, kStart + seconds(40));
  EXPECT_EQ(teller().grant(ask_of(5, "up:other")).granted, Granted::kYes);
  rig_->restart(teller().now);
  teller().complete(3, 1, Ended::kNotStarted);
  EXPECT_EQ(teller().grant(4).granted, Granted::kYes);
  teller().now = held.until;
  EXPECT_EQ(teller().grant(3).granted, Granted::kYes);
}

TEST_P(StoreLimits, what_the_upstream_says_never_loosens) {
  for (int n = 0; n < 3; ++n) teller().grant(n);
  Completion done = completion_of(1, 1, Ended::kDelivered);
  done.outcome.quota_told = true;
  done.outcome.quota_left = 1'000;
  done.outcome.quota_reset = seconds(40);
  teller().complete(done);
  EXPECT_EQ(teller().grant(5).why, Wait::kPacing);
}

TEST_P(StoreLimits, an_answer_is_kept_for_who_wants_it) {
  for (const bool wanted : {true, false}) {
    const int n = wanted ? 1 : 2;
    GrantAsk ask = ask_of(n);
    ask.keep_answer = wanted;
    teller().grant(ask);
    Completion done = completion_of(n, 1, Ended::kDelivered);
    done.outcome.answer = "it is done";
    EXPECT_EQ(teller().complete(done).end.answer, wanted ? "it is done" : "");
    rig_->restart(teller().now);
    EXPECT_EQ(teller().grant(ask).end.answer, wanted ? "it is done" : "");
  }
}

TEST_P(StoreLimits, a_line_says_what_it_cost) {
  GrantAsk heavy = ask_of(1);
  heavy.cost = 3;
  teller().grant(heavy);
  EXPECT_EQ(teller().complete(1, 1, Ended::kDelivered).outbox.at(0).units, 3u);
}

// A large N costs no more than 64 sub-windows; what is counted is never less.
TEST_P(StoreLimits, a_large_n_is_counted_in_sub_windows) {
  use(config_of({Limit{"large", LimitScope::kKey, 1'000, seconds(64), 1'000, seconds(1)}}));
  for (int n = 0; n < 1'000; ++n) {
    ASSERT_EQ(teller().grant(n).granted, Granted::kYes) << n;
    teller().complete(n, 1, Ended::kDelivered);
    teller().wait(milliseconds(10));
  }
  EXPECT_LE(teller().peek().logs.at(0).slots.size(), 12u);
  const auto full = teller().grant(1'000);
  EXPECT_EQ(full.why, Wait::kWindowFull);
  EXPECT_GE(full.until, kStart + seconds(65));
  EXPECT_LE(full.until, kStart + seconds(67));
  teller().now = full.until;
  EXPECT_EQ(teller().grant(1'000).granted, Granted::kYes);
}

}  // namespace
}  // namespace sluice::limiter
