#include "limiter/forecast.h"

#include <algorithm>

#include "lib/base/mark.h"
#include "limiter/meter.h"
#include "limiter/reopening.h"

namespace sluice::limiter {

namespace {

bool is_rate(const Limit& limit) { return limit.kind == LimitKind::kRate; }

Duration counted(const Limit& limit) { return Meter(limit, Duration{}).horizon(); }

// Until when a unit counts that is answered then.
StoreTime counted_until(const Limit& limit, StoreTime answer) {
  return Meter(limit, Duration{}).counted_from(answer) + counted(limit);
}

// Is a's rate below b's?
bool slower(const Limit& a, const Limit& b) {
  return static_cast<double>(a.n) * static_cast<double>(counted(b).us) <
         static_cast<double>(b.n) * static_cast<double>(counted(a).us);
}

Duration tokens_apart(const Limit& limit) { return Meter(limit, Duration{}).interval(); }

void insert_sorted(std::vector<StoreTime>& times, StoreTime time, std::size_t most) {
  times.insert(std::upper_bound(times.begin(), times.end(), time), time);
  if (times.size() > most) times.erase(times.begin());
}

// The times that lie ahead are the same distances ahead; what has passed makes no difference.
bool same_ahead(const std::vector<StoreTime>& a, StoreTime from_a, const std::vector<StoreTime>& b,
                StoreTime from_b) {
  auto one = a.rbegin();
  auto other = b.rbegin();
  for (;; ++one, ++other) {
    const bool done = one == a.rend() || *one <= from_a;
    const bool other_done = other == b.rend() || *other <= from_b;
    if (done || other_done) return done && other_done;
    if (*one - from_a != *other - from_b) return false;
  }
}

}  // namespace

Forecast::Forecast(const Upstream& upstream, const KeyState& key, const Start& start)
    : unknown_hold_(upstream.unknown_hold),
      pace_(start.pace),
      one_at_a_time_(key.one_at_a_time),
      told_until_(key.told_until),
      told_left_(key.told_left),
      hold_(start.hold.until > start.now ? start.hold.why : wire::Wait::kNone) {
  state_.last = std::max(start.now, start.hold.until);
  for (std::size_t i = 0; i < upstream.limits.size(); ++i) {
    if (upstream.limits[i].shadow) continue;
    limits_.push_back(upstream.limits[i]);
    const Limit& limit = limits_.back();
    Taken& taken = state_.taken.emplace_back();
    taken.tight.n = limit.n;
    if (i < key.limits.size()) taken.tight = key.limits[i];
    if (i < key.logs.size()) begin_with(key.logs[i], limit, start.now);
    const auto index = static_cast<std::uint32_t>(limits_.size() - 1);
    if (slower(limit, limits_[slowest_])) slowest_ = index;
    remaining_ = std::min(remaining_, free_of(index, start.now));
  }
  for (const StoreTime granted : key.open) {
    state_.answers.push_back(std::max(start.now, granted + pace_.latency));
  }
  std::sort(state_.answers.begin(), state_.answers.end());
  begin_reopening(start);
  if (told_until_ > start.now) remaining_ = std::min(remaining_, told_left_);
  if (state_.last > start.now) remaining_ = 0;
}

void Forecast::begin_with(const LimitLog& log, const Limit& limit, StoreTime now) {
  Taken& taken = state_.taken.back();
  taken.tat = log.tat;
  for (const Slot& slot : log.slots) {
    StoreTime free = Meter(limit, unknown_hold_).counts_until(slot, now);
    if (slot.open && slot.at > now) {
      free = counted_until(limit, std::max(now, slot.granted_at + pace_.latency));
    }
    taken.units.add(free, slot.units, limit.n);
  }
}

// An attempt that is open after the hold was granted after it: its success is the one waited for.
// While the hold stands, what is open went before it, and proves nothing.
void Forecast::begin_reopening(const Start& start) {
  const bool held = state_.last > start.now;
  if (one_at_a_time_ && !held && state_.answers.size() == 1) proven_at_ = state_.answers.front();
}

// Free slots, and free tokens: each token that is taken moves the arrival time on by one interval.
std::uint32_t Forecast::free_of(std::uint32_t limit, StoreTime now) const {
  const Limit& l = limits_[limit];
  const Taken& taken = state_.taken[limit];
  const std::int64_t held = taken.tight.held_until > now ? taken.tight.held : 0;
  const std::int64_t n = std::min<std::int64_t>(l.n - held, taken.tight.n);
  const std::int64_t slots = n - taken.units.taken_at(now);
  if (!is_rate(l)) return static_cast<std::uint32_t>(std::max<std::int64_t>(0, slots));
  const std::int64_t apart = std::max<std::int64_t>(1, tokens_apart(l).us);
  const std::int64_t behind = std::max<std::int64_t>(0, (taken.tat - now).us);
  const std::int64_t burst = std::clamp<std::int64_t>(l.burst, 1, std::max(1U, taken.tight.n));
  const std::int64_t tokens = burst - (behind + apart - 1) / apart;
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, std::min(slots, tokens)));
}

StoreTime Forecast::window_opens(std::uint32_t limit, const Tightened& tight) const {
  const std::int64_t n = limits_[limit].n;
  const std::int64_t most =
      std::min<std::int64_t>(n - std::min<std::int64_t>(n, tight.held), tight.n);
  return most <= 0 ? StoreTime::never() : state_.taken[limit].units.falls_below(most);
}

StoreTime Forecast::pacing_opens(std::uint32_t limit, const Tightened& tight) const {
  const Limit& l = limits_[limit];
  if (!is_rate(l)) return {};
  const std::int64_t burst = std::max<std::int64_t>(1, std::min(l.burst, tight.n));
  return state_.taken[limit].tat - tokens_apart(l) * (burst - 1);
}

// As decide_tightened(): what is held tighter now may be so no more when the window opens.
Forecast::Opening Forecast::opens(std::uint32_t limit) const {
  const Limit& l = limits_[limit];
  Tightened tight = state_.taken[limit].tight;
  for (StoreTime from = state_.last;;) {
    move_on(l, tight, from);
    const StoreTime window = std::max(from, window_opens(limit, tight));
    const StoreTime bucket = std::max(from, pacing_opens(limit, tight));
    const StoreTime next = next_change(tight);
    if (std::max(window, bucket) < next || next >= StoreTime::never()) {
      if (window < bucket) return {bucket, wire::Wait::kPacing};
      return {window, is_rate(l) ? wire::Wait::kWindowFull : wire::Wait::kInFlight};
    }
    from = next;
  }
}

StoreTime Forecast::concurrency_opens() const {
  const std::size_t under_way = state_.answers.size();
  if (in_flight() == 0 || under_way < in_flight()) return {};
  return state_.answers[under_way - in_flight()];
}

Forecast::Departure Forecast::next_departure() const {
  Departure next;
  next.limit = slowest_;
  next.why = hold_;
  if (!departures_.empty()) next = departures_.back();
  next.at = state_.last;
  const auto later = [&](StoreTime at, wire::Wait why) {
    if (at <= next.at) return false;
    next.at = at, next.why = why;
    next.limit = slowest_, next.limited = false, next.told = false;
    return true;
  };
  for (std::uint32_t i = 0; i < limits_.size(); ++i) {
    const Opening opening = opens(i);
    if (later(opening.at, opening.why)) next.limit = i, next.limited = true;
  }
  if (departures_.size() >= told_left_ && later(told_until_, wire::Wait::kWindowFull)) {
    next.told = true;
  }
  later(concurrency_opens(), wire::Wait::kInFlight);
  return next;
}

void Forecast::compute_next() {
  const bool proven = one_at_a_time_ && proven_at_.us != 0;
  if (proven) succeed(proven_at_);
  departures_.push_back(next_departure());
  depart(departures_.back().at);
  if (proven) one_at_a_time_ = false;
  if (one_at_a_time_) proven_at_ = state_.last + pace_.latency;
  look_for_cycle();
}

void Forecast::depart(StoreTime at) {
  const StoreTime answer = at + pace_.latency;
  for (std::uint32_t i = 0; i < limits_.size(); ++i) {
    Taken& taken = state_.taken[i];
    if (is_rate(limits_[i])) taken.tat = std::max(taken.tat, at) + tokens_apart(limits_[i]);
    taken.units.forget_until(at);
    taken.units.add(counted_until(limits_[i], answer), 1, limits_[i].n);
    move_on(limits_[i], taken.tight, at);
  }
  if (pace_.in_flight > 0) {
    insert_sorted(state_.answers, answer, std::max<std::size_t>(pace_.in_flight, 1));
  }
  state_.last = at;
}

// From here on the key opens slowly.
void Forecast::succeed(StoreTime at) {
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    Tightened& tight = state_.taken[i].tight;
    if (tight.n < limits_[i].n) tight.grows_at = at + limits_[i].window;
  }
}

std::string Forecast::name_of(const Departure& departure) const {
  if (departure.told) return kTold;
  return departure.limited ? limits_[departure.limit].name : std::string();
}

const Limit& Forecast::policy(const Departure& departure) const {
  const Limit& limit = limits_[departure.limit];
  return is_rate(limit) ? limit : limits_[slowest_];
}

bool Forecast::is_steady() const {
  if (one_at_a_time_) return false;
  if (told_until_ > state_.last && departures_.size() <= told_left_) return false;
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    const Tightened& tight = state_.taken[i].tight;
    if (tight.n < limits_[i].n || next_change(tight) < StoreTime::never()) return false;
  }
  return true;
}

bool Forecast::repeats(const State& before, const State& after) const {
  for (std::size_t i = 0; i < before.taken.size(); ++i) {
    const Duration one = std::max(Duration{}, before.taken[i].tat - before.last);
    const Duration other = std::max(Duration{}, after.taken[i].tat - after.last);
    if (one != other) return false;
    if (!Meter(limits_[i], Duration{}).is_shifted_by(after.last - before.last)) return false;
    if (!before.taken[i].units.same_ahead(before.last, after.taken[i].units, after.last)) {
      return false;
    }
  }
  return same_ahead(before.answers, before.last, after.answers, after.last);
}

void Forecast::look_for_cycle() {
  if (!marked_ && !is_steady()) return;
  if (marked_ && repeats(mark_, state_)) {
    MARK("limiter: a forecast repeats itself");
    cycle_ = departures_.size() - marked_at_;
    shift_ = state_.last - mark_.last;
  } else if (!marked_ || departures_.size() == mark_next_) {
    marked_ = true;
    mark_ = state_;
    marked_at_ = departures_.size();
    mark_next_ = 2 * marked_at_;
  }
}

Forecast::Departure Forecast::at_the_same_pace(std::uint64_t ahead) const {
  constexpr std::size_t kHalf = kStepsMax / 2;
  Departure later = departures_.back();
  const Duration half = later.at - departures_[departures_.size() - 1 - kHalf].at;
  const std::uint64_t beyond = ahead + 1 - departures_.size();
  const double halves = static_cast<double>(beyond) / static_cast<double>(kHalf);
  later.at = later.at + Duration{static_cast<std::int64_t>(static_cast<double>(half.us) * halves)};
  return later;
}

Forecast::Departure Forecast::departure(std::uint64_t ahead) {
  const std::uint64_t steps = std::min<std::uint64_t>(ahead + 1, kStepsMax);
  while (departures_.size() < steps && cycle_ == 0) compute_next();
  if (ahead < departures_.size()) return departures_[ahead];
  if (cycle_ == 0) return at_the_same_pace(ahead);
  const std::uint64_t cycles = (ahead - departures_.size()) / cycle_ + 1;
  Departure later = departures_[ahead - cycles * cycle_];
  later.at = later.at + shift_ * static_cast<std::int64_t>(cycles);
  return later;
}

}  // namespace sluice::limiter
