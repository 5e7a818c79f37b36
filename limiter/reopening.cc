#include "limiter/reopening.h"

#include <algorithm>

namespace sluice::limiter {

namespace {

std::uint32_t first_n(const Limit& limit) { return std::max(1U, limit.n / 2); }
std::uint32_t step_of(const Limit& limit) { return std::max(1U, limit.n / 8); }

}  // namespace

void move_on(const Limit& limit, Tightened& tightened, StoreTime now) {
  if (tightened.held_until <= now) tightened.held = 0;
  while (tightened.grows_at.us != 0 && tightened.grows_at <= now) {
    tightened.n = std::min(limit.n, tightened.n + tightened.step);
    tightened.grows_at = tightened.n < limit.n ? tightened.grows_at + limit.window : StoreTime{};
  }
}

StoreTime next_change(const Tightened& tightened) {
  StoreTime next = StoreTime::never();
  if (tightened.held > 0) next = std::min(next, tightened.held_until);
  if (tightened.grows_at.us != 0) next = std::min(next, tightened.grows_at);
  return next;
}

StoreTime reopened_wholly(const Limit& limit, StoreTime reopened_at) {
  const std::int64_t missing = limit.n - first_n(limit);
  const std::int64_t step = step_of(limit);
  return reopened_at + limit.window * ((missing + step - 1) / step);
}

Tightened reopening(const Limit& limit, bool one_at_a_time, StoreTime reopened_at, StoreTime now) {
  Tightened tightened;
  tightened.n = limit.n;
  if (limit.kind != LimitKind::kRate) return tightened;
  if (one_at_a_time) {
    tightened.n = first_n(limit);
    tightened.step = step_of(limit);
  } else if (reopened_at.us != 0 && now < reopened_wholly(limit, reopened_at)) {
    const std::int64_t windows =
        std::max<std::int64_t>(0, (now - reopened_at).us / limit.window.us);
    tightened.step = step_of(limit);
    tightened.n = first_n(limit) + tightened.step * static_cast<std::uint32_t>(windows);
    tightened.grows_at = reopened_at + limit.window * (windows + 1);
  }
  return tightened;
}

Verdict decide_tightened(const Limit& limit, const Meter& meter, const LimitLog& log,
                         const Question& question) {
  const bool rate = limit.kind == LimitKind::kRate;
  const StoreTime now = question.now;
  Tightened tightened = question.tightened;
  move_on(limit, tightened, now);
  for (StoreTime from = now;;) {
    const StoreTime next = next_change(tightened);
    const std::int64_t units = question.units;
    const std::int64_t n = tightened.n;
    const std::int64_t most =
        std::min(std::int64_t{limit.n} - tightened.held - units, n - std::min(units, n));
    const StoreTime window = std::max(from, meter.falls_to(log, most, now));
    const std::uint32_t burst = std::min(limit.burst, tightened.n);
    const StoreTime bucket = rate ? meter.bucket_fills(log, question.units, burst) : from;
    const StoreTime opens = std::max(window, bucket);
    if (opens <= now) return {wire::Wait::kNone, now};
    if (opens < next || next >= StoreTime::never()) {
      if (!rate) return {wire::Wait::kInFlight, opens};
      return {window >= bucket ? wire::Wait::kWindowFull : wire::Wait::kPacing, opens};
    }
    move_on(limit, tightened, next);
    from = next;
  }
}

}  // namespace sluice::limiter
