#include "limiter/meter.h"

#include <algorithm>
#include <vector>

namespace sluice::limiter {

namespace {

auto find_slot(std::vector<Slot>& slots, const wire::Attempt& attempt) {
  return std::find_if(slots.begin(), slots.end(),
                      [&](const Slot& slot) { return slot.attempt == attempt; });
}

}  // namespace

Duration Meter::interval() const { return {(limit_->window.us + limit_->n - 1) / limit_->n}; }

StoreTime Meter::counts_until(const Slot& slot, StoreTime now) const {
  if (!slot.open) return slot.at + horizon();
  if (slot.at <= now) return slot.at + unknown_hold_ + horizon();
  return now + horizon();
}

// The earliest time at which so many units of the log count no more that `units` fit; `now` or
// before when they fit already.
StoreTime Meter::window_opens(const LimitLog& log, std::uint32_t units, StoreTime now) const {
  std::uint64_t used = 0;
  for (const Slot& slot : log.slots) {
    if (counts_until(slot, now) > now) used += slot.units;
  }
  if (used + units <= limit_->n) return now;
  std::vector<std::pair<StoreTime, std::uint32_t>> ends;
  for (const Slot& slot : log.slots) {
    if (const StoreTime end = counts_until(slot, now); end > now)
      ends.emplace_back(end, slot.units);
  }
  std::sort(ends.begin(), ends.end());
  for (const auto& [end, freed] : ends) {
    used -= freed;
    if (used + units <= limit_->n) return end;
  }
  return StoreTime::never();  // more units than N: the caller's error
}

StoreTime Meter::bucket_fills(const LimitLog& log, std::uint32_t units) const {
  const std::uint32_t wanted = std::min(units, limit_->burst);
  return log.tat - interval() * static_cast<std::int64_t>(limit_->burst - wanted);
}

Verdict Meter::decide(const LimitLog& log, std::uint32_t units, StoreTime now) const {
  const StoreTime window = window_opens(log, units, now);
  const StoreTime bucket = bucket_fills(log, units);
  if (window <= now && bucket <= now) return {wire::Wait::kNone, now};
  // Both must open; what opens last is the reason.
  return window >= bucket ? Verdict{wire::Wait::kWindowFull, window}
                          : Verdict{wire::Wait::kPacing, bucket};
}

std::uint32_t Meter::room(const LimitLog& log, StoreTime now) const {
  std::uint64_t used = 0;
  for (const Slot& slot : log.slots) {
    if (counts_until(slot, now) > now) used += slot.units;
  }
  const std::uint64_t free = used >= limit_->n ? 0 : limit_->n - used;
  const std::int64_t spent = std::max<std::int64_t>(0, (log.tat - now).us);
  const std::int64_t taken = (spent + interval().us - 1) / interval().us;
  const std::int64_t tokens = std::max<std::int64_t>(0, std::int64_t{limit_->burst} - taken);
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(free, static_cast<std::uint64_t>(tokens)));
}

void Meter::take(LimitLog& log, Slot slot) const {
  log.tat = std::max(log.tat, slot.granted_at) + interval() * slot.units;
  slot.open = true;
  log.slots.push_back(std::move(slot));
}

void Meter::complete(LimitLog& log, const wire::Attempt& attempt, std::uint32_t units,
                     StoreTime at) const {
  const auto slot = find_slot(log.slots, attempt);
  if (slot == log.slots.end()) {
    log.slots.push_back({attempt, false, units, at, at});
    return;
  }
  slot->at = slot->open ? at : std::max(slot->at, at);
  slot->open = false;
}

void Meter::free(LimitLog& log, const wire::Attempt& attempt) const {
  const auto slot = find_slot(log.slots, attempt);
  if (slot == log.slots.end() || !slot->open) return;
  if (slot + 1 == log.slots.end()) log.tat = log.tat - interval() * slot->units;
  log.slots.erase(slot);
}

void Meter::prune(LimitLog& log, StoreTime now) const {
  std::erase_if(log.slots, [&](const Slot& slot) { return counts_until(slot, now) <= now; });
}

}  // namespace sluice::limiter
