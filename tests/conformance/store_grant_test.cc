// Grants: gates in their order, the same grant for the same life, everybody else waits.
#include "tests/conformance/store_rig.h"

namespace sluice::limiter {
namespace {

using wire::Ended;
using wire::Wait;

STORE_SUITE(StoreGrant);

TEST_P(StoreGrant, burst_then_pacing_then_window) {
  for (int n = 0; n < 3; ++n) EXPECT_EQ(teller().grant(n).granted, Granted::kYes);
  auto fourth = teller().grant(3);
  EXPECT_EQ(fourth.granted, Granted::kWait);
  EXPECT_EQ(fourth.why, Wait::kPacing);
  EXPECT_EQ(fourth.limit, "window");
  EXPECT_EQ(fourth.until, kStart + seconds(6));
  for (int n = 0; n < 3; ++n) teller().complete(n, 1, Ended::kDelivered);
  for (int n = 3; n < 10; ++n) {
    teller().wait(seconds(6));
    EXPECT_EQ(teller().grant(n).granted, Granted::kYes) << n;
    teller().complete(n, 1, Ended::kDelivered);
  }
  auto eleventh = teller().grant(10);
  EXPECT_EQ(eleventh.why, Wait::kWindowFull);
  EXPECT_EQ(eleventh.until, kStart + milliseconds(61'001));  // completed at the bounds' upper end
  teller().now = eleventh.until - microseconds(1);
  EXPECT_EQ(teller().grant(10).granted, Granted::kWait);
  teller().now = eleventh.until;
  EXPECT_EQ(teller().grant(10).granted, Granted::kYes);
}

TEST_P(StoreGrant, names_the_grant) {
  const auto answer = teller().grant(1);
  EXPECT_EQ(answer.serial, 1u);
  EXPECT_EQ(answer.attempts, 0u);
  EXPECT_EQ(answer.granted_at, kStart);
  EXPECT_EQ(answer.start_by, kStart + seconds(2));
  EXPECT_EQ(answer.lease_end, kStart + seconds(72));
  EXPECT_EQ(answer.limiter_life, 1u);
  EXPECT_EQ(answer.dispatcher_life, 7u);
}

TEST_P(StoreGrant, asked_twice_is_one_grant) {
  const auto first = teller().grant(1);
  teller().wait(seconds(1));
  const auto again = teller().grant(1);
  EXPECT_EQ(again.granted, Granted::kYes);
  EXPECT_EQ(again.serial, first.serial);
  EXPECT_EQ(again.granted_at, first.granted_at);
  EXPECT_EQ(teller().peek().logs.at(0).slots.size(), 1u);
}

TEST_P(StoreGrant, another_life_gets_underway) {
  const auto first = teller().grant(1);
  Teller heir(*rig_, 2);
  const auto other = heir.grant(1);
  EXPECT_EQ(other.granted, Granted::kUnderway);
  EXPECT_EQ(other.serial, first.serial);
  EXPECT_EQ(other.lease_end, first.lease_end);
  EXPECT_EQ(other.limiter_life, 1u);
  EXPECT_EQ(other.dispatcher_life, 7u);
}

TEST_P(StoreGrant, lease_ended_is_unknown_and_resent) {
  const auto first = teller().grant(1);
  teller().now = first.lease_end;
  const auto second = teller().grant(1);
  EXPECT_EQ(second.granted, Granted::kYes);
  EXPECT_EQ(second.serial, 2u);
  EXPECT_EQ(second.attempts, 1u);
  ASSERT_EQ(second.outbox.size(), 1u);
  EXPECT_EQ(second.outbox[0].ended, static_cast<std::uint32_t>(Ended::kUnknown));
  EXPECT_EQ(second.outbox[0].serial, 1u);
  EXPECT_EQ(second.outbox[0].record_id.size(), 16u);
  EXPECT_EQ(teller().grant(1).outbox.at(0).record_id, second.outbox[0].record_id);
  const auto slots = teller().peek().logs.at(0).slots;
  ASSERT_EQ(slots.size(), 2u);
  EXPECT_EQ(slots[0].at, first.lease_end + seconds(60));
}

TEST_P(StoreGrant, lease_ended_is_dead_where_the_user_chose_so) {
  config_.upstreams[0].on_unknown = OnUnknown::kDead;
  use(config_);
  teller().now = teller().grant(1).lease_end;
  const auto answer = teller().grant(1);
  EXPECT_EQ(answer.granted, Granted::kSettled);
  EXPECT_EQ(answer.end.settlement, wire::Settlement::kDead);
  EXPECT_EQ(answer.end.reason, "unknown");
  EXPECT_EQ(answer.end.attempts, 1u);
  EXPECT_EQ(answer.outbox.at(0).settlement, static_cast<std::uint32_t>(wire::Settlement::kDead));
}

TEST_P(StoreGrant, other_bytes_are_dead_and_the_first_untouched) {
  teller().grant(1);
  GrantAsk other = ask_of(1);
  other.line.content_hash = std::string(32, 'x');
  for (int twice = 0; twice < 2; ++twice) {
    const auto answer = teller().grant(other);
    EXPECT_EQ(answer.granted, Granted::kSettled);
    EXPECT_EQ(answer.end.reason, "id_conflict");
    ASSERT_EQ(answer.outbox.size(), 1u);
    EXPECT_NE(answer.outbox[0].identity, identity_of(1));
  }
  EXPECT_EQ(teller().complete(1, 1, Ended::kDelivered).end.settlement,
            wire::Settlement::kDelivered);
}

TEST_P(StoreGrant, many_at_once) {
  constexpr int kMany = 700;
  use(config_of({Limit{"key", LimitScope::kKey, 10, seconds(60), 10, seconds(1)},
                 Limit{"whole", LimitScope::kUpstream, 5'000, seconds(60), 5'000, seconds(1)}}));
  std::vector<GrantAsk> asks;
  Complete complete{teller().caller(), {}};
  for (int n = 0; n < kMany; ++n) {
    asks.push_back(ask_of(n, "up:user-" + std::to_string(n / 3)));
    complete.completions.push_back(completion_of(n, 1, Ended::kDelivered));
    complete.completions.back().outcome.key = asks.back().line.key;
  }
  for (const GrantAnswer& answer : teller().grant(asks)) {
    ASSERT_EQ(answer.granted, Granted::kYes);
  }
  EXPECT_EQ(teller().peek("up:user-7").logs.at(1).slots.size(), static_cast<std::size_t>(kMany));
  const StoreReply reply = teller().say(complete);
  Emptied emptied{"up", {}};
  for (const CompleteAnswer& answer : std::get<CompleteReply>(reply.answer).answers) {
    ASSERT_TRUE(answer.settled);
    emptied.lines.push_back(Emptied::Line::of(answer.outbox.at(0)));
  }
  teller().say(emptied);
  for (const GrantAnswer& answer : teller().grant(asks)) {
    ASSERT_EQ(answer.granted, Granted::kSettled);
    ASSERT_TRUE(answer.outbox.empty());
  }
  EXPECT_EQ(teller().peek("up:user-7").logs.at(1).slots.size(), 1u);  // of one sub-window
}

TEST_P(StoreGrant, cancelled_and_expired_end_without_a_slot) {
  GrantAsk cancelled = ask_of(1);
  cancelled.cancelled = true;
  EXPECT_EQ(teller().grant(cancelled).end.settlement, wire::Settlement::kCancelled);
  GrantAsk expired = ask_of(2);
  expired.expires_at = kStart;
  const auto answer = teller().grant(expired);
  EXPECT_EQ(answer.end.settlement, wire::Settlement::kExpired);
  EXPECT_EQ(answer.outbox.at(0).kind, wire::RecordKind::kSettlement);
  EXPECT_TRUE(teller().peek().logs.at(0).slots.empty());
  EXPECT_EQ(teller().grant(ask_of(2)).granted, Granted::kSettled);
}

TEST_P(StoreGrant, an_attempt_under_way_is_not_cancelled) {
  teller().grant(1);
  GrantAsk cancelled = ask_of(1);
  cancelled.cancelled = true;
  EXPECT_EQ(teller().grant(cancelled).granted, Granted::kYes);
  teller().complete(1, 1, Ended::kFailed);
  EXPECT_EQ(teller().grant(cancelled).end.settlement, wire::Settlement::kCancelled);
}

TEST_P(StoreGrant, not_before_and_backoff) {
  GrantAsk later = ask_of(1);
  later.not_before = kStart + seconds(5);
  EXPECT_EQ(teller().grant(later).why, Wait::kNotBefore);
  EXPECT_EQ(teller().grant(later).until, later.not_before);
  teller().wait(seconds(5));
  EXPECT_EQ(teller().grant(later).granted, Granted::kYes);
  teller().complete(1, 1, Ended::kFailed, seconds(7));
  const auto waits = teller().grant(later);
  EXPECT_EQ(waits.why, Wait::kBackoff);
  EXPECT_EQ(waits.until, teller().now + seconds(7));
  EXPECT_EQ(waits.outbox.size(), 1u);
}

TEST_P(StoreGrant, in_flight_per_key) {
  config_.upstreams[0].in_flight_per_key = 1;
  use(config_);
  const auto first = teller().grant(1);
  const auto second = teller().grant(2);
  EXPECT_EQ(second.why, Wait::kInFlight);
  EXPECT_EQ(second.until, first.lease_end);
  EXPECT_EQ(teller().grant(ask_of(3, "up:other")).granted, Granted::kYes);
  teller().complete(1, 1, Ended::kDelivered);
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
}

TEST_P(StoreGrant, all_limits_or_none) {
  use(config_of({Limit{"key", LimitScope::kKey, 5, seconds(60), 5, seconds(1)},
                 Limit{"whole", LimitScope::kUpstream, 3, seconds(10), 3, seconds(1)}}));
  EXPECT_EQ(teller().grant(ask_of(1, "up:a")).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(ask_of(2, "up:b")).granted, Granted::kYes);
  EXPECT_EQ(teller().grant(ask_of(3, "up:c")).granted, Granted::kYes);
  const auto full = teller().grant(ask_of(4, "up:d"));
  EXPECT_EQ(full.why, Wait::kWindowFull);
  EXPECT_EQ(full.limit, "whole");
  EXPECT_TRUE(teller().peek("up:d").logs.at(0).slots.empty());
  EXPECT_EQ(teller().peek("up:d").logs.at(1).slots.size(), 3u);
}

TEST_P(StoreGrant, cost_takes_units) {
  GrantAsk heavy = ask_of(1);
  heavy.cost = 9;
  EXPECT_EQ(teller().grant(heavy).granted, Granted::kYes);
  teller().wait(seconds(54));
  EXPECT_EQ(teller().grant(2).granted, Granted::kYes);
  teller().wait(seconds(6));
  EXPECT_EQ(teller().grant(3).why, Wait::kWindowFull);
  heavy = ask_of(4);
  heavy.cost = 11;
  EXPECT_EQ(teller().grant(heavy).end.reason, "cost");
}

TEST_P(StoreGrant, holds_of_key_and_upstream) {
  teller().say(SetHold{"up", "up:user", true, {wire::HoldKind::kPause, {}, "ann"}});
  EXPECT_EQ(teller().grant(1).why, Wait::kPaused);
  EXPECT_EQ(teller().grant(1).until, StoreTime{});
  EXPECT_EQ(teller().grant(ask_of(2, "up:other")).granted, Granted::kYes);
  teller().say(SetHold{"up", "", true, {wire::HoldKind::kPause, kStart + seconds(9), "ann"}});
  EXPECT_EQ(teller().grant(ask_of(3, "up:third")).until, kStart + seconds(9));
  teller().say(SetHold{"up", "up:user", false, {wire::HoldKind::kPause, {}, "ann"}});
  EXPECT_EQ(teller().grant(1).until, kStart + seconds(9));
  teller().wait(seconds(9));
  EXPECT_EQ(teller().grant(1).granted, Granted::kYes);
}

// Whoever brings it, and however late: a call that is said again must not undo what came between.
TEST_P(StoreGrant, of_two_words_of_persons_the_later_stands) {
  struct Row {
    bool closed;
    Duration said_at;  // after the start
    StoreTime until;
    bool taken;
    Wait then;
  };
  const StoreTime later = kStart + hours(9);
  const Row table[] = {
      {true, seconds(10), {}, true, Wait::kPaused},
      {false, seconds(9), {}, false, Wait::kPaused},
      {true, seconds(9), later, false, Wait::kPaused},
      {true, seconds(10), {}, true, Wait::kPaused},  // the same again
      {true, seconds(11), later, true, Wait::kPaused},
      {false, seconds(12), {}, true, Wait::kNone},
      {true, seconds(20), later, true, Wait::kPaused},
      {false, seconds(12), {}, false, Wait::kPaused},  // the same again, and late
      {false, seconds(21), {}, true, Wait::kNone},
  };
  int n = 0;
  for (const Row& row : table) {
    SCOPED_TRACE(++n);
    const wire::Hold word{wire::HoldKind::kPause, row.until, "ann", kStart + row.said_at};
    const StoreReply reply = teller().say(SetHold{"up", "up:user", row.closed, word});
    const StoreTime stands = std::get<Acknowledged>(reply.answer).later_word;
    EXPECT_EQ(stands.us == 0, row.taken);
    EXPECT_TRUE(row.taken || stands > word.said_at);
    EXPECT_EQ(std::get<Acknowledged>(reply.answer).later_by, row.taken ? "" : "ann");
    const KeyState state = teller().peek();
    EXPECT_EQ(state.holds.empty(), row.then == Wait::kNone);
    EXPECT_TRUE(state.holds.empty() || state.holds[0].said_at >= word.said_at);
  }
}

TEST_P(StoreGrant, asked_too_late_or_with_other_bounds) {
  Grant late{teller().caller(), {ask_of(1)}};
  late.caller.ask_by = kStart - microseconds(1);
  const auto reply = teller().say(late);
  EXPECT_EQ(std::get<GrantReply>(reply.answer).answers.at(0).why, Wait::kClockUnsure);
  teller().skew = seconds(1);
  EXPECT_EQ(teller().grant(1).why, Wait::kClockUnsure);
  teller().skew = {};
  teller().wait(seconds(2));
  EXPECT_EQ(teller().grant(1).granted, Granted::kYes);
}

TEST_P(StoreGrant, a_caller_with_other_limits_is_refused) {
  EXPECT_EQ(teller().grant(1).granted, Granted::kYes);
  const std::uint64_t before = rig_->limits_version;
  config_.upstreams[0].limits[0].n = 11;
  rig_->restart_with(config_, teller().now);
  rig_->limits_version = before;
  const auto stale = teller().grant(2);
  EXPECT_EQ(stale.granted, Granted::kWait);
  EXPECT_EQ(stale.limit, "stale_settings");
  Grant newer{teller().caller(), {ask_of(2)}};
  newer.caller.limits_version = StoreRig::version_of(config_);
  const auto reply = teller().say(newer);
  EXPECT_EQ(std::get<GrantReply>(reply.answer).answers.at(0).granted, Granted::kYes);
}

TEST_P(StoreGrant, carried_attempts_count) {
  GrantAsk carried = ask_of(1);
  carried.attempts = 5;
  EXPECT_EQ(teller().grant(carried).end.reason, "attempts");
  carried = ask_of(2);
  carried.attempts = 4;
  EXPECT_EQ(teller().grant(carried).attempts, 4u);
  EXPECT_EQ(teller().complete(2, 1, Ended::kFailed).end.reason, "attempts");
}

TEST_P(StoreGrant, unknown_upstream_fails) {
  GrantAsk ask = ask_of(1);
  ask.line.upstream = "nobody";
  const auto reply = teller().say(Grant{teller().caller(), {ask}});
  EXPECT_TRUE(std::holds_alternative<StoreFailed>(reply.answer));
}

}  // namespace
}  // namespace sluice::limiter
