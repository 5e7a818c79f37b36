#include "limiter/forecast.h"

#include <algorithm>

#include "lib/base/mark.h"
#include "limiter/meter.h"

namespace sluice::limiter {

namespace {

Duration counted(const Limit& limit) { return Meter(limit, Duration{}).horizon(); }

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

Forecast::Forecast(const Upstream& upstream, const std::vector<LimitLog>& logs, const Start& start)
    : limits_(upstream.limits),
      unknown_hold_(upstream.unknown_hold),
      pace_(start.pace),
      hold_(start.hold.until > start.now ? start.hold.why : wire::Wait::kNone) {
  state_.last = std::max(start.now, start.hold.until);
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    state_.taken.emplace_back();
    if (i < logs.size()) begin_with(logs[i], limits_[i], start.now);
    if (slower(limits_[i], limits_[slowest_])) slowest_ = static_cast<std::uint32_t>(i);
    remaining_ = std::min(remaining_, free_of(static_cast<std::uint32_t>(i), start.now));
  }
  if (state_.last > start.now) remaining_ = 0;
  mark_ = state_;
}

void Forecast::begin_with(const LimitLog& log, const Limit& limit, StoreTime now) {
  Taken& taken = state_.taken.back();
  taken.tat = log.tat;
  // Every limit of a key has the same open attempts: those of the first are the key's.
  const bool counts_flights = limit.scope == LimitScope::kKey && state_.answers.empty();
  for (const Slot& slot : log.slots) {
    StoreTime free = Meter(limit, unknown_hold_).counts_until(slot, now);
    if (slot.open && slot.at > now) {
      const StoreTime answer = std::max(now, slot.granted_at + pace_.latency);
      free = answer + counted(limit);
      if (counts_flights) state_.answers.push_back(answer);
    }
    for (std::uint32_t unit = 0; unit < slot.units; ++unit) {
      insert_sorted(taken.frees, free, limit.n);
    }
  }
  std::sort(state_.answers.begin(), state_.answers.end());
}

// Free slots, and free tokens: each token that is taken moves the arrival time on by one interval.
std::uint32_t Forecast::free_of(std::uint32_t limit, StoreTime now) const {
  const Limit& l = limits_[limit];
  const Taken& taken = state_.taken[limit];
  const auto still = std::upper_bound(taken.frees.begin(), taken.frees.end(), now);
  const std::int64_t slots = l.n - (taken.frees.end() - still);
  const std::int64_t apart = std::max<std::int64_t>(1, tokens_apart(l).us);
  const std::int64_t behind = std::max<std::int64_t>(0, (taken.tat - now).us);
  const std::int64_t tokens = std::max<std::int64_t>(1, l.burst) - (behind + apart - 1) / apart;
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, std::min(slots, tokens)));
}

StoreTime Forecast::window_opens(std::uint32_t limit) const {
  const auto& frees = state_.taken[limit].frees;
  const std::size_t n = limits_[limit].n;
  return frees.size() < n ? StoreTime{} : frees[frees.size() - n];
}

StoreTime Forecast::pacing_opens(std::uint32_t limit) const {
  const Limit& l = limits_[limit];
  const std::int64_t burst = std::max<std::int64_t>(1, l.burst);
  return state_.taken[limit].tat - tokens_apart(l) * (burst - 1);
}

StoreTime Forecast::concurrency_opens() const {
  const std::size_t under_way = state_.answers.size();
  if (pace_.in_flight == 0 || under_way < pace_.in_flight) return {};
  return state_.answers[under_way - pace_.in_flight];
}

void Forecast::compute_next() {
  Departure next{state_.last, departures_.empty() ? hold_ : departures_.back().why, slowest_};
  if (!departures_.empty()) next.limit = departures_.back().limit;
  for (std::uint32_t i = 0; i < limits_.size(); ++i) {
    if (window_opens(i) > next.at) next = {window_opens(i), wire::Wait::kWindowFull, i};
    if (pacing_opens(i) > next.at) next = {pacing_opens(i), wire::Wait::kPacing, i};
  }
  if (concurrency_opens() > next.at) {
    next.at = concurrency_opens();
    next.why = wire::Wait::kInFlight;
  }
  const StoreTime answer = next.at + pace_.latency;
  for (std::uint32_t i = 0; i < limits_.size(); ++i) {
    Taken& taken = state_.taken[i];
    taken.tat = std::max(taken.tat, next.at) + tokens_apart(limits_[i]);
    insert_sorted(taken.frees, answer + counted(limits_[i]), limits_[i].n);
  }
  if (pace_.in_flight > 0) insert_sorted(state_.answers, answer, pace_.in_flight);
  state_.last = next.at;
  departures_.push_back(next);
  look_for_cycle();
}

bool Forecast::repeats(const State& before, const State& after) {
  for (std::size_t i = 0; i < before.taken.size(); ++i) {
    const Duration one = std::max(Duration{}, before.taken[i].tat - before.last);
    const Duration other = std::max(Duration{}, after.taken[i].tat - after.last);
    if (one != other) return false;
    if (!same_ahead(before.taken[i].frees, before.last, after.taken[i].frees, after.last)) {
      return false;
    }
  }
  return same_ahead(before.answers, before.last, after.answers, after.last);
}

void Forecast::look_for_cycle() {
  if (repeats(mark_, state_)) {
    MARK("limiter: a forecast repeats itself");
    cycle_ = departures_.size() - marked_at_;
    shift_ = state_.last - mark_.last;
  } else if (departures_.size() == mark_next_) {
    mark_ = state_;
    marked_at_ = departures_.size();
    mark_next_ *= 2;
  }
}

Forecast::Departure Forecast::departure(std::uint64_t ahead) {
  while (departures_.size() <= ahead && cycle_ == 0) compute_next();
  if (ahead < departures_.size()) return departures_[ahead];
  const std::uint64_t cycles = (ahead - departures_.size()) / cycle_ + 1;
  Departure later = departures_[ahead - cycles * cycle_];
  later.at = later.at + shift_ * static_cast<std::int64_t>(cycles);
  return later;
}

}  // namespace sluice::limiter
