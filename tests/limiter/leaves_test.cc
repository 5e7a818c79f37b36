// The limiter's leaves, each alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "limiter/backoff.h"
#include "limiter/by_name.h"
#include "limiter/calls.h"
#include "limiter/forecast.h"
#include "limiter/line.h"
#include "limiter/meter.h"
#include "limiter/peers.h"
#include "limiter/timers.h"
#include "limiter/trail_out.h"

namespace sluice::limiter {
namespace {

// ---- line

Message message(const std::string& identity, std::int64_t order, std::int64_t ready = 0,
                std::int64_t expires = 1'000) {
  Message made;
  made.offer.identity = identity;
  made.offer.expires_at = StoreTime{expires};
  made.order = order;
  made.ready_at = StoreTime{ready};
  return made;
}

TEST(Letter, BringsBackWhatWasPutIn) {
  wire::Offer offer;
  offer.content_hash = std::string(32, '\0');
  offer.id = "id";
  offer.source = "file";
  offer.store = "ingest-1";
  offer.traceparent = "00-1-2-01";
  offer.request = {"POST", "/a?b", {{"x", ""}, {"y", std::string(8192, 'v')}}, "{}"};
  const Letter letter(offer);
  EXPECT_EQ(letter.content_hash(), offer.content_hash);
  EXPECT_EQ(letter.id(), "id");
  EXPECT_EQ(letter.source(), "file");
  EXPECT_EQ(letter.store(), "ingest-1");
  EXPECT_EQ(letter.traceparent(), "00-1-2-01");
  EXPECT_EQ(letter.method(), "POST");
  EXPECT_EQ(letter.bare_path(), "/a");
  EXPECT_EQ(letter.request(), offer.request);
  EXPECT_EQ(Letter(wire::Offer{}).request(), wire::Request{});
  EXPECT_EQ(Letter().request(), wire::Request{});
}

TEST(Line, KeepsOrderThenIdentity) {
  Line line;
  Message b = message("b", 2), a = message("a", 2), c = message("c", 1);
  for (Message* one : {&b, &a, &c}) line.insert(*one);
  EXPECT_EQ(line.first(), &c);
  EXPECT_EQ(line.last(), &b);
  EXPECT_EQ(line.position_of(a), 1U);
  line.erase(c);
  EXPECT_EQ(line.first(), &a);
}

TEST(Line, NextIsTheFirstThatIsReady) {
  Line line;
  Message late = message("a", 1, 50), soon = message("b", 2, 20), ready = message("c", 3);
  for (Message* one : {&late, &soon, &ready}) line.insert(*one);
  EXPECT_EQ(line.next(StoreTime{10}).message, &ready);
  EXPECT_EQ(line.next(StoreTime{30}).message, &soon);
  EXPECT_EQ(line.next(StoreTime{30}, 1).message, &ready);
  line.erase(ready);
  EXPECT_EQ(line.next(StoreTime{10}).message, nullptr);
  EXPECT_EQ(line.next(StoreTime{10}).ready_at, StoreTime{20});
}

TEST(Line, KnowsWhoHasExpired) {
  Line line;
  Message a = message("a", 1, 0, 100), b = message("b", 2, 0, 50);
  line.insert(a);
  line.insert(b);
  EXPECT_EQ(line.expires_from(), StoreTime{50});
  EXPECT_TRUE(line.expired(StoreTime{49}).empty());
  EXPECT_EQ(line.expired(StoreTime{50}), std::vector<Message*>{&b});
  EXPECT_EQ(line.expires_from(), StoreTime{100});
}

// ---- timers

TEST(Timers, SettingAgainMoves) {
  Timers<int> timers;
  std::array<Instant, 3> rings;
  rings.fill(Instant::never());
  const auto rings_of = [&](int name) -> Instant& {
    return rings.at(static_cast<std::size_t>(name));
  };
  timers.set(1, rings[1], Instant{10});
  timers.set(2, rings[2], Instant{5});
  timers.set(1, rings[1], Instant{3});
  EXPECT_EQ(timers.next(), Instant{3});
  EXPECT_FALSE(timers.take_due(Instant{2}, rings_of));
  EXPECT_EQ(timers.take_due(Instant{10}, rings_of), 1);
  EXPECT_EQ(rings[1], Instant::never());
  EXPECT_EQ(timers.take_due(Instant{10}, rings_of), 2);
  EXPECT_FALSE(timers.take_due(Instant{10}, rings_of));
  EXPECT_EQ(timers.next(), Instant::never());
}

TEST(Timers, WhatIsClearedDoesNotRing) {
  Timers<int> timers;
  Instant rings = Instant::never();
  timers.set(1, rings, Instant{10});
  timers.clear(1, rings);
  EXPECT_EQ(rings, Instant::never());
  timers.clear(1, rings);
  EXPECT_EQ(timers.size(), 0U);
}

// ---- by name

struct Named {
  std::string name;
};
std::string_view name_of(const Named& named) { return named.name; }

TEST(ByName, FindsWhatItOwnsByName) {
  ByName<Named> all;
  for (int n = 0; n < 100; ++n) all.insert(std::make_unique<Named>(Named{std::to_string(n)}));
  EXPECT_FALSE(all.insert(std::make_unique<Named>(Named{"7"})).second);
  EXPECT_EQ(all.size(), 100U);
  ASSERT_NE(all.find(std::string_view("42")), all.end());
  EXPECT_EQ((*all.find(std::string_view("42")))->name, "42");
  all.erase(all.find(std::string_view("42")));
  EXPECT_EQ(all.find(std::string_view("42")), all.end());
}

// ---- calls

TEST(Calls, ALateAnswerIsNone) {
  Calls calls;
  const StoreAsk first = calls.say(AskClock{"api", {}}, Instant{0});
  EXPECT_EQ(calls.next(seconds(5)), Instant{0} + seconds(5));
  auto due = calls.take_due(Instant{0} + seconds(5), seconds(5));
  ASSERT_EQ(due.size(), 1U);
  const StoreAsk again = calls.say(std::move(due[0]), Instant{0} + seconds(5));
  EXPECT_FALSE(calls.answered(first.call_id));
  EXPECT_TRUE(calls.answered(again.call_id));
  EXPECT_FALSE(calls.answered(again.call_id));
  EXPECT_EQ(calls.next(seconds(5)), Instant::never()) << "nothing is open";
}

TEST(Calls, OnlyWhatIsToBeWrittenKeepsAProcess) {
  Calls calls;
  calls.say(AskClock{"api", {}}, Instant{0});
  calls.again_at(Peek{"api", {"k"}}, Instant{100});
  calls.say(AskLimits{"api"}, Instant{0});  // which limits hold, how long is it closed?
  EXPECT_FALSE(calls.writes());
  const StoreAsk write = calls.say(Forget{"api", {"m"}}, Instant{0});
  EXPECT_TRUE(calls.writes());
  calls.answered(write.call_id);
  EXPECT_FALSE(calls.writes());
  calls.again_at(Forget{"api", {"m"}}, Instant{100});
  EXPECT_TRUE(calls.writes());
}

TEST(Calls, WhatIsPutOffComesWhenItIsTime) {
  Calls calls;
  calls.again_at(AskClock{"api", {}}, Instant{100});
  EXPECT_EQ(calls.next(seconds(5)), Instant{100});
  EXPECT_TRUE(calls.take_due(Instant{99}, seconds(5)).empty());
  EXPECT_EQ(calls.take_due(Instant{100}, seconds(5)).size(), 1U);
}

// ---- trail_out

wire::Record line_of(const std::string& id, const std::string& identity) {
  wire::Record line;
  line.record_id = id;
  line.identity = identity;
  return line;
}

TEST(TrailOut, SaysEachLineUntilItIsRecorded) {
  TrailOut trail;
  trail.add(line_of("1", "m"), true);
  trail.add(line_of("2", "m"), true);
  trail.add(line_of("1", "m"), true);
  EXPECT_EQ(trail.size(), 2U);
  EXPECT_EQ(trail.take_due(Instant{10}, seconds(5), 10).size(), 2U);
  EXPECT_TRUE(trail.take_due(Instant{20}, seconds(5), 10).empty());
  EXPECT_EQ(trail.take_due(Instant{10} + seconds(5), seconds(5), 10).size(), 2U);
  const auto first = trail.recorded("2");
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->last_of_message);
  EXPECT_TRUE(trail.waits("m"));
  EXPECT_TRUE(trail.recorded("1")->last_of_message);
  EXPECT_FALSE(trail.waits("m"));
  EXPECT_FALSE(trail.recorded("1"));
}

TEST(TrailOut, SaysEverythingAgainToANewAuditorOldestFirst) {
  TrailOut trail;
  for (const char* id : {"b", "a", "c"}) trail.add(line_of(id, "m"), true);
  trail.take_due(Instant{10}, seconds(5), 10);
  trail.unsay();
  const auto again = trail.take_due(Instant{11}, seconds(5), 2);
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[0].record_id, "b");
  EXPECT_EQ(again[1].record_id, "a");
}

// ---- backoff

TEST(Backoff, DoublesUpwardsAndStopsAtItsMost) {
  Prng prng(1);
  for (int i = 0; i < 1'000; ++i) {
    for (std::uint32_t n = 0; n < 8; ++n) {
      const Duration least = std::min(minutes(15), seconds(5) * (std::int64_t{1} << n));
      const Duration wait = backoff(n, seconds(5), minutes(15), prng);
      EXPECT_GE(wait, least);
      EXPECT_LE(wait, std::min(minutes(15), least * 2));
    }
  }
  EXPECT_EQ(backoff(4'000'000'000U, seconds(5), minutes(15), prng), minutes(15));
}

TEST(Backoff, NeverBeforeRetryAfter) {
  Prng prng(2);
  Upstream upstream;
  wire::Outcome outcome;
  outcome.ended = wire::Ended::kFailed;
  outcome.retry_after = hours(1);
  EXPECT_GE(consequence_of(outcome, 0, upstream, prng).retry_after, hours(1));
  outcome.ended = wire::Ended::kThrottled;
  outcome.told_to_wait = true;
  const Consequence told = consequence_of(outcome, 0, upstream, prng);
  EXPECT_GT(told.penalty, hours(1));
  EXPECT_TRUE(told.penalty_was_told);
  EXPECT_GE(told.retry_after, told.penalty);
  outcome.told_to_wait = false;
  outcome.retry_after = {};
  const Consequence untold = consequence_of(outcome, 0, upstream, prng);
  EXPECT_GT(untold.penalty, upstream.penalty_base);
  EXPECT_FALSE(untold.penalty_was_told);
}

TEST(Backoff, NotStartedOwesNothing) {
  Prng prng(3);
  wire::Outcome outcome;
  outcome.ended = wire::Ended::kNotStarted;
  for (const auto why : {wire::NotStarted::kTooLate, wire::NotStarted::kRecalled,
                         wire::NotStarted::kNeverSeen, wire::NotStarted::kLane}) {
    outcome.not_started = why;
    EXPECT_EQ(consequence_of(outcome, 3, Upstream{}, prng).retry_after, Duration{});
  }
  outcome.not_started = wire::NotStarted::kFull;
  EXPECT_GT(consequence_of(outcome, 3, Upstream{}, prng).retry_after, Duration{});
}

// ---- peers

TEST(Peers, RoomIsAtWhomHasMostLeft) {
  Peers peers;
  EXPECT_EQ(peers.room("api").why, wire::Wait::kNoDispatcher);
  for (std::uint64_t n = 1; n <= 2; ++n) {
    peers.up({wire::PeerId{n}, wire::Role::kDispatcher, "d", 10 * n});
    peers.dispatcher(wire::PeerId{n})->credits["api"] = {"api", 2, wire::Wait::kNone};
  }
  EXPECT_EQ(peers.room("api").life, 10U);
  peers.reserve(10, "api");
  EXPECT_EQ(peers.room("api").life, 20U);
  for (const std::uint64_t life : {10U, 20U, 20U}) peers.reserve(life, "api");
  EXPECT_EQ(peers.room("api").life, 0U);
  EXPECT_EQ(peers.room("api").why, wire::Wait::kUpstreamFull);
  peers.release(20, "api");
  EXPECT_EQ(peers.room("api").life, 20U);
  EXPECT_EQ(peers.room("other").why, wire::Wait::kNoDispatcher);
}

TEST(Peers, ADeadLifesOpenAttemptsAreStillCounted) {
  Peers peers;
  peers.up({wire::PeerId{1}, wire::Role::kDispatcher, "d", 10});
  peers.reserve(10, "api");
  peers.down(wire::PeerId{1});
  peers.up({wire::PeerId{2}, wire::Role::kDispatcher, "d", 10});  // the same life, reconnected
  peers.dispatcher(wire::PeerId{2})->credits["api"] = {"api", 1, wire::Wait::kNone};
  EXPECT_EQ(peers.room("api").life, 0U);
  peers.release(10, "api");
  EXPECT_EQ(peers.room("api").life, 10U);
}

// ---- forecast

// The meter itself, asked again and again, each attempt answered at once.
std::vector<StoreTime> by_meter(const Upstream& upstream, std::vector<LimitLog> logs, StoreTime now,
                                std::size_t count) {
  std::vector<StoreTime> departures;
  for (std::size_t n = 0; n < count;) {
    StoreTime until;
    for (std::size_t i = 0; i < upstream.limits.size(); ++i) {
      const Meter meter(upstream.limits[i], upstream.unknown_hold);
      const Verdict verdict = meter.decide(logs[i], 1, now);
      if (verdict.why != wire::Wait::kNone) until = std::max(until, verdict.until);
    }
    if (until > now) {
      now = until;
      continue;
    }
    const wire::Attempt attempt{"m", static_cast<std::uint32_t>(n + 1)};
    for (std::size_t i = 0; i < upstream.limits.size(); ++i) {
      const Meter meter(upstream.limits[i], upstream.unknown_hold);
      meter.take(logs[i], {attempt, true, 1, now + seconds(70), now});
      meter.complete(logs[i], attempt, 1, now);
    }
    departures.push_back(now);
    ++n;
  }
  return departures;
}

KeyState state_of(const std::vector<LimitLog>& logs) {
  KeyState state;
  state.logs = logs;
  return state;
}

TEST(Forecast, IsTheMetersOwnRecurrence) {
  Prng prng(5);
  for (int run = 0; run < 40; ++run) {
    Upstream upstream;
    for (std::uint64_t i = 0; i <= prng.below(2); ++i) {
      const auto n = static_cast<std::uint32_t>(prng.between(1, 12));
      upstream.limits.push_back({"l", LimitScope::kKey, n, prng.between(seconds(1), seconds(60)),
                                 static_cast<std::uint32_t>(prng.between(1, n)), seconds(1)});
    }
    std::vector<LimitLog> logs(upstream.limits.size());
    const StoreTime now{1'760'000'000'000'000};
    Forecast forecast(upstream, state_of(logs), {now, {}});
    const auto expected = by_meter(upstream, logs, now, 40);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(forecast.departure(i).at, expected[i]) << run << " " << i;
    }
  }
}

TEST(Forecast, BeyondWhatItComputesTheLastCycleRepeats) {
  Upstream upstream;
  upstream.limits = {{"l", LimitScope::kKey, 10, seconds(60), 3, seconds(1)}};
  const StoreTime now{1'760'000'000'000'000};
  Forecast near(upstream, KeyState{}, {now, {}});
  Forecast far(upstream, KeyState{}, {now, {}});
  const StoreTime million = far.departure(1'000'000).at;
  EXPECT_EQ(million, near.departure(0).at + seconds(61) * 100'000);
  EXPECT_LT(far.departure(999'999).at, million);
}

TEST(Forecast, NothingGoesBeforeAHoldIsOver) {
  Upstream upstream;
  upstream.limits = {{"l", LimitScope::kKey, 10, seconds(60), 3, seconds(1)}};
  const StoreTime now{1'760'000'000'000'000};
  Forecast forecast(upstream, KeyState{}, {now, {wire::Wait::kPenalty, now + seconds(90)}});
  EXPECT_EQ(forecast.departure(0).at, now + seconds(90));
  EXPECT_EQ(forecast.departure(0).why, wire::Wait::kPenalty);
  EXPECT_EQ(forecast.departure(3).why, wire::Wait::kPacing);
  EXPECT_EQ(forecast.remaining(), 0U);
}

TEST(Forecast, WithoutLimitsEverythingGoesAtOnce) {
  const StoreTime now{1'760'000'000'000'000};
  Forecast forecast(Upstream{}, KeyState{}, {now, {}});
  EXPECT_EQ(forecast.departure(1'000'000).at, now);
}

}  // namespace
}  // namespace sluice::limiter
