#include "limiter/forecast.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

#include "lib/base/prng.h"
#include "limiter/meter.h"

namespace sluice::limiter {
namespace {

constexpr StoreTime kNow{1'000'000'000'000};

struct Case {
  Upstream upstream;
  std::vector<LimitLog> logs;
  Forecast::Pace pace;
};

// Decide, take and complete, one by one, as the store would with that latency.
class Stepper {
 public:
  explicit Stepper(const Case& given) : case_(given), logs_(given.logs) {
    for (const Slot& slot : logs_.front().slots) {
      if (!slot.open || slot.at <= kNow) continue;
      answers_.emplace(std::max(kNow, slot.granted_at + case_.pace.latency), slot.attempt.serial);
    }
  }

  StoreTime next() {
    for (;;) {
      while (!answers_.empty() && answers_.begin()->first <= now_) answer();
      StoreTime until = now_;
      for (std::size_t i = 0; i < logs_.size(); ++i) {
        const Verdict verdict = meter(i).decide(logs_[i], 1, now_);
        if (verdict.why != wire::Wait::kNone) until = std::max(until, verdict.until);
      }
      const bool crowded = case_.pace.in_flight > 0 && answers_.size() >= case_.pace.in_flight;
      if (until == now_ && !crowded) return go();
      StoreTime event = crowded ? StoreTime::never() : until;
      if (!answers_.empty()) event = std::min(event, answers_.begin()->first);
      now_ = event;
    }
  }

 private:
  Meter meter(std::size_t i) const {
    return {case_.upstream.limits[i], case_.upstream.unknown_hold};
  }
  void answer() {
    const auto [at, serial] = *answers_.begin();
    answers_.erase(answers_.begin());
    for (std::size_t i = 0; i < logs_.size(); ++i) {
      meter(i).complete(logs_[i], {"m", serial}, 1, at);
    }
  }
  StoreTime go() {
    ++serial_;
    for (std::size_t i = 0; i < logs_.size(); ++i) {
      meter(i).prune(logs_[i], now_);
      meter(i).take(logs_[i], {{"m", serial_}, true, 1, now_ + hours(1), now_});
    }
    answers_.emplace(now_ + case_.pace.latency, serial_);
    return now_;
  }

  const Case& case_;
  std::vector<LimitLog> logs_;
  StoreTime now_ = kNow;
  std::uint32_t serial_ = 1'000;
  std::set<std::pair<StoreTime, std::uint32_t>> answers_;
};

Case any_case(std::uint64_t seed) {
  Prng prng(seed);
  Case any;
  any.pace.latency = prng.chance(300'000) ? Duration{} : prng.between(Duration{}, seconds(5));
  any.pace.in_flight = static_cast<std::uint32_t>(prng.below(4));
  any.upstream.unknown_hold = seconds(prng.between(0, 60));
  const auto limits = prng.between(1, 3);
  for (std::int64_t i = 0; i < limits; ++i) {
    Limit limit;
    const bool large = prng.chance(150'000);  // counted in sub-windows
    limit.n = static_cast<std::uint32_t>(large ? prng.between(257, 700) : prng.between(1, 15));
    limit.window = seconds(prng.between(1, 90));
    limit.burst = static_cast<std::uint32_t>(prng.between(1, limit.n));
    any.upstream.limits.push_back(limit);
  }
  // What lies behind: the same attempts in every log.
  std::vector<Slot> past;
  for (std::uint32_t serial = 1; serial <= prng.below(8); ++serial) {
    const StoreTime granted = kNow - prng.between(Duration{}, seconds(60));
    const bool open = prng.chance(400'000);
    const StoreTime at =
        open ? granted + seconds(72) : granted + prng.between(Duration{}, seconds(90));
    past.push_back({{"m", serial}, open, 1, at, granted});
  }
  for (const Limit& limit : any.upstream.limits) {
    LimitLog log{past, kNow + prng.between(-seconds(30), limit.window / limit.n)};
    any.logs.push_back(log);
  }
  return any;
}

Forecast forecast_of(const Case& given) {
  KeyState state;
  state.logs = given.logs;
  for (const Slot& slot : state.logs.front().slots) {
    if (slot.open && slot.at > kNow) state.open.push_back(slot.granted_at);
  }
  return {given.upstream, state, {kNow, {}, given.pace}};
}

TEST(Forecast, equals_stepping_one_by_one) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Case any = any_case(seed);
    Forecast forecast = forecast_of(any);
    Stepper stepper(any);
    for (std::uint64_t ahead = 0; ahead < 400; ++ahead) {
      ASSERT_EQ(forecast.departure(ahead).at, stepper.next()) << "seed " << seed << " " << ahead;
    }
  }
}

// What is left of a limit does not depend on how long answers take: only when it goes does.
TEST(Forecast, what_remains_is_what_would_go_at_once) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Case any = any_case(seed);
    const std::uint32_t remaining = forecast_of(any).remaining();
    any.pace.in_flight = 0;
    Stepper stepper(any);
    std::uint32_t at_once = 0;
    while (stepper.next() == kNow) ++at_once;
    ASSERT_EQ(remaining, at_once) << "seed " << seed;
  }
}

TEST(Forecast, far_ahead_equals_stepping) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    const Case any = any_case(seed);
    const std::uint64_t ahead = 1'500 + seed % 500;
    Stepper stepper(any);
    for (std::uint64_t i = 0; i < ahead; ++i) stepper.next();
    RC_ASSERT(forecast_of(any).departure(ahead).at == stepper.next());
  }));
}

TEST(Forecast, a_hundred_thousand_ahead_is_arithmetic) {
  Upstream upstream;
  upstream.limits = {Limit{}};  // 10 per 60 s, burst 3, guard 1 s
  Forecast forecast(upstream, KeyState{}, {kNow, {}, {milliseconds(200), 0}});
  EXPECT_EQ(forecast.departure(2).at, kNow);
  EXPECT_EQ(forecast.departure(3).at, kNow + seconds(6));
  EXPECT_EQ(forecast.departure(9).at, kNow + seconds(42));
  EXPECT_EQ(forecast.departure(10).at, kNow + milliseconds(61'200));
  EXPECT_EQ(forecast.departure(100'000).at, kNow + milliseconds(61'200) * 10'000);
  EXPECT_EQ(forecast.departure(100'009).at, kNow + milliseconds(61'200) * 10'000 + seconds(42));
}

// With a per-key limit beside a large one nothing repeats itself to the microsecond.
TEST(Forecast, what_does_not_repeat_itself_is_stated_at_its_pace) {
  Upstream upstream;
  Limit large;
  large.n = 100'000;
  large.window = hours(24);
  large.burst = large.n;
  upstream.limits = {Limit{}, large};
  Forecast forecast(upstream, KeyState{}, {kNow, {}, {milliseconds(237), 0}});
  const StoreTime known = forecast.departure(Forecast::kStepsMax - 1).at;
  const StoreTime far = forecast.departure(1'000'000).at;
  const Duration apart =
      Duration{(far - known).us / (1'000'001 - std::int64_t{Forecast::kStepsMax})};
  EXPECT_NEAR(static_cast<double>(apart.us), 6'123'700.0, 1'000.0);  // 61.237 s for ten
}

TEST(Forecast, a_hold_delays_and_names_itself) {
  const Refusal hold{wire::Wait::kPenalty, kNow + seconds(30)};
  Upstream upstream;
  upstream.limits = {Limit{}};
  Forecast forecast(upstream, KeyState{}, {kNow, hold});
  EXPECT_EQ(forecast.departure(0).at, hold.until);
  EXPECT_EQ(forecast.departure(0).why, wire::Wait::kPenalty);
  EXPECT_EQ(forecast.remaining(), 0u);
}

}  // namespace
}  // namespace sluice::limiter
