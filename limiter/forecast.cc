#include "limiter/forecast.h"

#include <algorithm>

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

}  // namespace

Forecast::Forecast(const Upstream& upstream, const std::vector<LimitLog>& logs, StoreTime now,
                   Refusal hold)
    : limits_(upstream.limits),
      last_(std::max(now, hold.until)),
      hold_(hold.until > now ? hold.why : wire::Wait::kNone) {
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    Taken& meter = taken_.emplace_back();
    if (i < logs.size()) {
      meter.tat = logs[i].tat;
      for (const Slot& slot : logs[i].slots) {
        const StoreTime free = Meter(limits_[i], upstream.unknown_hold).counts_until(slot, now);
        meter.frees.insert(meter.frees.end(), slot.units, free);
      }
      std::sort(meter.frees.begin(), meter.frees.end());
    }
    if (slower(limits_[i], limits_[slowest_])) slowest_ = static_cast<std::uint32_t>(i);
  }
}

StoreTime Forecast::window_opens(std::uint32_t limit) const {
  const auto& frees = taken_[limit].frees;
  const std::size_t n = limits_[limit].n;
  return frees.size() < n ? StoreTime{} : frees[frees.size() - n];
}

StoreTime Forecast::pacing_opens(std::uint32_t limit) const {
  const Limit& l = limits_[limit];
  const std::int64_t burst = std::max<std::int64_t>(1, l.burst);
  return taken_[limit].tat - tokens_apart(l) * (burst - 1);
}

void Forecast::compute_next() {
  Departure next{last_, departures_.empty() ? hold_ : departures_.back().why, slowest_};
  if (!departures_.empty()) next.limit = departures_.back().limit;
  for (std::uint32_t i = 0; i < limits_.size(); ++i) {
    if (window_opens(i) > next.at) next = {window_opens(i), wire::Wait::kWindowFull, i};
    if (pacing_opens(i) > next.at) next = {pacing_opens(i), wire::Wait::kPacing, i};
  }
  for (std::uint32_t i = 0; i < limits_.size(); ++i) {
    Taken& meter = taken_[i];
    meter.tat = std::max(meter.tat, next.at) + tokens_apart(limits_[i]);
    meter.frees.push_back(next.at + counted(limits_[i]));
    if (meter.frees.size() > limits_[i].n) meter.frees.pop_front();
  }
  last_ = next.at;
  departures_.push_back(next);
}

Forecast::Departure Forecast::departure(std::uint64_t ahead) {
  while (departures_.size() <= ahead && departures_.size() < kExact) compute_next();
  if (ahead < departures_.size()) return departures_[ahead];
  if (limits_.empty()) return departures_.back();
  // The slowest limit repeats itself after each N, one window and guard later.
  const std::uint64_t n = std::clamp<std::uint64_t>(limits_[slowest_].n, 1, kExact);
  const std::uint64_t beyond = ahead - (kExact - 1);
  const std::uint64_t cycles = (beyond + n - 1) / n;
  Departure later = departures_[ahead - cycles * n];
  later.at = later.at + counted(limits_[slowest_]) * static_cast<std::int64_t>(cycles);
  return later;
}

std::uint32_t Forecast::remaining(StoreTime now) {
  std::uint32_t free = 0;
  while (free < kExact && departure(free).at <= now) ++free;
  return free;
}

}  // namespace sluice::limiter
