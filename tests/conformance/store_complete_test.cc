// Outcomes: written once, by kind; what is said twice changes nothing; late ones still count.
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {
namespace {

using wire::Ended;
using wire::Settlement;
using wire::Wait;

STORE_SUITE(StoreComplete);

TEST_P(StoreComplete, delivered_settles_once) {
  teller().grant(1);
  teller().wait(milliseconds(200));
  const auto first = teller().complete(1, 1, Ended::kDelivered);
  EXPECT_EQ(first.wrote, Wrote::kNow);
  EXPECT_TRUE(first.settled);
  EXPECT_EQ(first.end.settlement, Settlement::kDelivered);
  EXPECT_EQ(first.attempts, 1u);
  ASSERT_EQ(first.outbox.size(), 1u);
  EXPECT_EQ(first.outbox[0].granted_at, kStart);
  EXPECT_EQ(first.outbox[0].settlement, static_cast<std::uint32_t>(Settlement::kDelivered));
  EXPECT_EQ(first.outbox[0].id, "message-1");
  const auto slots = teller().peek().logs.at(0).slots;
  teller().wait(seconds(5));
  const auto again = teller().complete(1, 1, Ended::kDelivered);
  EXPECT_EQ(again.wrote, Wrote::kBefore);
  EXPECT_EQ(again.end, first.end);
  ASSERT_EQ(again.outbox.size(), 1u);
  EXPECT_EQ(again.outbox[0].record_id, first.outbox[0].record_id);
  EXPECT_EQ(teller().peek().logs.at(0).slots, slots);
  EXPECT_EQ(teller().grant(1).granted, Granted::kSettled);
}

TEST_P(StoreComplete, failed_five_times_is_dead) {
  for (std::uint32_t serial = 1; serial <= 5; ++serial) {
    teller().wait(seconds(30));
    EXPECT_EQ(teller().grant(1).serial, serial);
    const auto answer = teller().complete(1, serial, Ended::kFailed);
    EXPECT_EQ(answer.settled, serial == 5);
    EXPECT_EQ(answer.attempts, serial);
    EXPECT_EQ(answer.end.reason, serial == 5 ? "attempts" : "");
  }
}

TEST_P(StoreComplete, throttled_counts_towards_throttles_only) {
  config_.upstreams[0].throttles_max = 7;
  use(config_);
  for (std::uint32_t serial = 1; serial <= 7; ++serial) {
    teller().wait(seconds(30));
    ASSERT_EQ(teller().grant(1).granted, Granted::kYes) << serial;
    const auto answer = teller().complete(1, serial, Ended::kThrottled);
    EXPECT_EQ(answer.settled, serial == 7);
    EXPECT_EQ(answer.end.reason, serial == 7 ? "throttles" : "");
  }
}

TEST_P(StoreComplete, refused_is_dead) {
  teller().grant(1);
  EXPECT_EQ(teller().complete(1, 1, Ended::kRefused).end.reason, "refused");
}

TEST_P(StoreComplete, unknown_holds_its_slot_longer) {
  teller().grant(1);
  const auto answer = teller().complete(1, 1, Ended::kUnknown, seconds(5));
  EXPECT_FALSE(answer.settled);
  EXPECT_EQ(answer.due, kStart + seconds(5));
  EXPECT_EQ(teller().peek().logs.at(0).slots.at(0).at, kStart + milliseconds(60'001));
  config_.upstreams[0].on_unknown = OnUnknown::kDead;
  use(config_);
  teller().grant(1);
  EXPECT_EQ(teller().complete(1, 1, Ended::kUnknown).end.reason, "unknown");
}

TEST_P(StoreComplete, not_started_gives_slot_and_token_back) {
  for (int n = 0; n < 3; ++n) teller().grant(n);
  EXPECT_EQ(teller().grant(3).why, Wait::kPacing);
  for (int twice = 0; twice < 2; ++twice) {
    const auto answer = teller().complete(2, 1, Ended::kNotStarted);
    EXPECT_EQ(answer.wrote, twice == 0 ? Wrote::kNow : Wrote::kBefore);
    EXPECT_FALSE(answer.settled);
    EXPECT_EQ(answer.attempts, 0u);
    EXPECT_TRUE(answer.outbox.empty());
    EXPECT_EQ(teller().peek().logs.at(0).slots.size(), 2u);
  }
  const auto again = teller().grant(2);
  EXPECT_EQ(again.granted, Granted::kYes);
  EXPECT_EQ(again.serial, 2u);
  EXPECT_EQ(again.attempts, 0u);
}

TEST_P(StoreComplete, not_started_out_of_order_keeps_the_pace) {
  for (int n = 0; n < 3; ++n) teller().grant(n);
  teller().complete(0, 1, Ended::kNotStarted);
  EXPECT_EQ(teller().grant(3).why, Wait::kPacing);
}

TEST_P(StoreComplete, a_request_out_of_its_lane_is_dead) {
  teller().grant(1);
  Completion lane = completion_of(1, 1, Ended::kNotStarted);
  lane.outcome.not_started = wire::NotStarted::kLane;
  const auto answer = teller().complete(lane);
  EXPECT_EQ(answer.end.reason, "lane");
  EXPECT_EQ(answer.outbox.at(0).kind, wire::RecordKind::kSettlement);
}

TEST_P(StoreComplete, late_moves_the_slot_and_settles_what_waits) {
  const auto first = teller().grant(1);
  teller().now = first.lease_end + seconds(5);
  GrantAsk waiting = ask_of(1);
  waiting.not_before = teller().now + seconds(50);
  EXPECT_EQ(teller().grant(waiting).why, Wait::kNotBefore);  // given up on the way
  const auto late = teller().complete(1, 1, Ended::kDelivered);
  EXPECT_EQ(late.wrote, Wrote::kLate);
  EXPECT_TRUE(late.settled);
  EXPECT_EQ(late.attempts, 1u);
  ASSERT_EQ(late.outbox.size(), 2u);
  EXPECT_EQ(late.outbox[1].kind, wire::RecordKind::kLate);
  EXPECT_NE(late.outbox[1].record_id, late.outbox[0].record_id);
  EXPECT_EQ(teller().peek().logs.at(0).slots.at(0).at, first.lease_end + seconds(60));
  EXPECT_EQ(teller().complete(1, 1, Ended::kDelivered).wrote, Wrote::kBefore);
}

// The message was delivered by an attempt that had been given up: no third one may follow, whatever
// becomes of the second.
TEST_P(StoreComplete, late_while_the_next_attempt_runs_ends_the_message_after_it) {
  teller().now = teller().grant(1).lease_end;
  EXPECT_EQ(teller().grant(1).serial, 2u);
  const auto late = teller().complete(1, 1, Ended::kDelivered);
  EXPECT_EQ(late.wrote, Wrote::kLate);
  EXPECT_FALSE(late.settled);
  const auto next = teller().complete(1, 2, Ended::kFailed);
  EXPECT_EQ(next.attempts, 2u);
  EXPECT_TRUE(next.settled);
  EXPECT_EQ(next.end.settlement, Settlement::kDelivered);
  teller().wait(seconds(200));
  EXPECT_EQ(teller().grant(1).granted, Granted::kSettled);
}

TEST_P(StoreComplete, late_refusal_ends_the_message_unless_the_next_attempt_delivers_it) {
  teller().now = teller().grant(1).lease_end;
  EXPECT_EQ(teller().grant(1).serial, 2u);
  EXPECT_FALSE(teller().complete(1, 1, Ended::kRefused).settled);
  const auto next = teller().complete(1, 2, Ended::kDelivered);
  EXPECT_TRUE(next.settled);
  EXPECT_EQ(next.end.settlement, Settlement::kDelivered);
}

// What turns out never to have started was no attempt: it does not count towards the five (P4).
TEST_P(StoreComplete, late_not_started_was_no_attempt) {
  teller().now = teller().grant(1).lease_end;
  const auto second = teller().grant(1);
  EXPECT_EQ(second.attempts, 1u);  // given up: it may have been one
  const auto late = teller().complete(1, 1, Ended::kNotStarted);
  EXPECT_EQ(late.wrote, Wrote::kBefore);
  EXPECT_EQ(late.attempts, 0u);
  EXPECT_EQ(teller().complete(1, 1, Ended::kNotStarted).attempts, 0u);
  EXPECT_EQ(teller().complete(1, 2, Ended::kFailed).attempts, 1u);
}

TEST_P(StoreComplete, an_outcome_after_the_lease_but_before_anybody_asked_decides) {
  const auto first = teller().grant(1);
  teller().now = first.lease_end + seconds(500);
  const auto answer = teller().complete(1, 1, Ended::kDelivered);
  EXPECT_EQ(answer.wrote, Wrote::kNow);
  const auto slots = teller().peek().logs.at(0).slots;
  ASSERT_EQ(slots.size(), 1u);
  EXPECT_GE(slots[0].at, teller().now);
}

TEST_P(StoreComplete, without_a_record_the_slot_is_made_and_the_end_is_kept) {
  EXPECT_EQ(teller().complete(9, 3, Ended::kNotStarted).wrote, Wrote::kNoRecord);
  const auto answer = teller().complete(9, 4, Ended::kDelivered);
  EXPECT_EQ(answer.wrote, Wrote::kNoRecord);
  EXPECT_TRUE(answer.settled);
  EXPECT_EQ(answer.outbox.at(0).kind, wire::RecordKind::kLate);
  EXPECT_EQ(teller().peek().logs.at(0).slots.size(), 1u);
  EXPECT_EQ(teller().complete(9, 4, Ended::kDelivered).wrote, Wrote::kBefore);
  EXPECT_EQ(teller().grant(9).granted, Granted::kSettled);
}

// The key is part of what an identity is made of: it can be about no attempt of ours.
TEST_P(StoreComplete, an_outcome_that_names_another_key_changes_nothing) {
  teller().grant(1);
  Completion completion = completion_of(1, 1, Ended::kDelivered);
  completion.outcome.key = "up:other";
  completion.consequence.penalty = seconds(60);
  const auto answer = teller().complete(completion);
  EXPECT_EQ(answer.wrote, Wrote::kBefore);
  EXPECT_FALSE(answer.settled);
  EXPECT_TRUE(teller().peek().logs.at(0).slots.at(0).open);
  EXPECT_TRUE(teller().peek("up:other").logs.at(0).slots.empty());
  EXPECT_EQ(teller().complete(1, 1, Ended::kDelivered).wrote, Wrote::kNow);
}

TEST_P(StoreComplete, a_penalty_closes_the_key_and_doubles) {
  const auto throttle = [&](int n, std::uint32_t serial) {
    Completion completion = completion_of(n, serial, Ended::kThrottled);
    completion.consequence.penalty = seconds(60);
    return teller().complete(completion).closed_until;
  };
  teller().grant(1);
  StoreTime until = throttle(1, 1);
  EXPECT_EQ(until, kStart + seconds(60));
  EXPECT_EQ(teller().grant(2).why, Wait::kPenalty);
  EXPECT_EQ(teller().grant(2).until, until);
  EXPECT_EQ(teller().grant(ask_of(3, "up:other")).granted, Granted::kYes);
  teller().now = until;
  EXPECT_EQ(teller().grant(1).serial, 2u);
  EXPECT_EQ(teller().grant(2).why, Wait::kInFlight);  // one at a time until one succeeds
  EXPECT_EQ(throttle(1, 2), teller().now + seconds(120));
  EXPECT_EQ(throttle(1, 2), teller().now + seconds(120));  // said twice
  teller().wait(seconds(120));
  EXPECT_EQ(teller().grant(1).serial, 3u);
  teller().complete(1, 3, Ended::kDelivered);
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
  EXPECT_EQ(throttle(2, 1), teller().now + seconds(60));
}

TEST_P(StoreComplete, a_penalty_that_names_its_time_is_as_told) {
  for (std::uint32_t serial = 1; serial <= 2; ++serial) {
    EXPECT_EQ(teller().grant(1).serial, serial);
    Completion completion = completion_of(1, serial, Ended::kThrottled);
    completion.consequence.penalty = seconds(90);
    completion.consequence.penalty_was_told = true;
    const auto answer = teller().complete(completion);
    EXPECT_EQ(answer.closed_until, teller().now + seconds(90));
    EXPECT_EQ(answer.outbox.back().kind, wire::RecordKind::kHold);
    EXPECT_EQ(answer.outbox.back().until, answer.closed_until);
    teller().wait(seconds(90));
  }
}

TEST_P(StoreComplete, abnormal_usage_stops_the_key_until_a_person_opens_it) {
  teller().grant(1);
  Completion completion = completion_of(1, 1, Ended::kRefused);
  completion.outcome.abnormal = true;
  EXPECT_EQ(teller().complete(completion).closed_until, StoreTime::never());
  teller().wait(hours(30));
  EXPECT_EQ(teller().grant(2).why, Wait::kPenalty);
  const wire::Hold before{wire::HoldKind::kPause, {}, "ann", kStart - seconds(1)};
  const StoreReply late = teller().say(SetHold{"up", "up:user", false, before});
  EXPECT_GE(std::get<Acknowledged>(late.answer).later_word, kStart);
  EXPECT_EQ(teller().grant(2).why, Wait::kPenalty) << "it was opened before it was stopped";
  teller().say(SetHold{"up", "up:user", false, {wire::HoldKind::kPause, {}, "ann", teller().now}});
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
}

TEST_P(StoreComplete, outbox_until_emptied_record_until_forgotten) {
  teller().grant(1);
  const auto done = teller().complete(1, 1, Ended::kDelivered);
  const Emptied emptied{"up", {Emptied::Line::of(done.outbox.at(0))}};
  for (int twice = 0; twice < 2; ++twice) {
    teller().say(emptied);
    const auto answer = teller().grant(1);
    EXPECT_EQ(answer.granted, Granted::kSettled);
    EXPECT_EQ(answer.end, done.end);
    EXPECT_TRUE(answer.outbox.empty());
    teller().say(Forget{"up", {identity_of(1), identity_of(2)}});
  }
  GrantAsk other = ask_of(1);
  other.line.content_hash = std::string(32, 'x');
  EXPECT_EQ(teller().grant(other).end.reason, "id_conflict");
}

// A message that was forgotten and comes again has the name of its slot, in a window that is longer
// than the record was kept. Of the two the first is meant: both count, none for less.
TEST_P(StoreComplete, of_two_slots_of_one_name_the_first_is_taken) {
  StoreConfig config = config_of({Limit{"hour", LimitScope::kKey, 10, hours(1), 3, seconds(1)}});
  config.record_min = minutes(1);
  use(config);
  teller().grant(1);
  const auto done = teller().complete(1, 1, Ended::kDelivered);
  teller().say(Emptied{"up", {Emptied::Line::of(done.outbox.at(0))}});
  teller().say(Forget{"up", {identity_of(1)}});
  teller().wait(minutes(2));
  ASSERT_EQ(teller().grant(1).granted, Granted::kYes);
  const auto before = teller().peek().logs.at(0).slots;
  ASSERT_EQ(before.size(), 2u);
  ASSERT_EQ(before[0].attempt, before[1].attempt);
  teller().wait(seconds(1));
  teller().complete(1, 1, Ended::kDelivered);
  const auto after = teller().peek().logs.at(0).slots;
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after[0].at, teller().caller().bounds.high);
  EXPECT_FALSE(after[0].open);
  EXPECT_EQ(after[1], before[1]);
}

TEST_P(StoreComplete, what_has_not_ended_is_not_forgotten) {
  teller().grant(1);
  teller().say(Forget{"up", {identity_of(1)}});
  EXPECT_EQ(teller().complete(1, 1, Ended::kFailed).wrote, Wrote::kNow);
  teller().wait(hours(30));
  EXPECT_EQ(teller().grant(1).serial, 2u);
}

}  // namespace
}  // namespace sluice::limiter
