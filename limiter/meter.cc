#include "limiter/meter.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>
#include <vector>

namespace sluice::limiter {

namespace {

constexpr std::uint32_t kListedMax = 256;  // a larger N is counted in sub-windows
constexpr std::int64_t kSubWindows = 64;   // in a window
constexpr std::size_t kCountedMax = 256;   // sub-windows: unknown_hold may exceed W
constexpr std::size_t kChargedMax = 64;    // listed slots of sends made elsewhere

auto find_slot(std::vector<Slot>& slots, const wire::Attempt& attempt) {
  return std::find_if(slots.begin(), slots.end(),
                      [&](const Slot& slot) { return slot.attempt == attempt; });
}

std::uint32_t sum(std::uint32_t a, std::uint32_t b) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::min(kMost, std::uint64_t{a} + b));
}

// Of what the trail, not an attempt, told the store: what ended at one time is one slot.
std::string restored_identity(StoreTime at) {
  std::string identity = "restored";
  const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(at.us));
  for (unsigned shift = 0; shift < 64; shift += 8) {
    identity.push_back(static_cast<char>((bits >> shift) & 255U));
  }
  return identity;
}

// Nobody was granted it: sent elsewhere.
bool is_charged(const Slot& slot) { return !slot.open && slot.granted_at.us == 0; }

}  // namespace

Duration Meter::horizon() const { return is_rate() ? limit_->window + limit_->guard : Duration{}; }

Duration Meter::interval() const { return {(limit_->window.us + limit_->n - 1) / limit_->n}; }

bool Meter::lists_completed() const { return limit_->n <= kListedMax && !limit_->shadow; }

std::int64_t Meter::sub_window() const {
  return std::max<std::int64_t>(1, limit_->window.us / kSubWindows);
}

StoreTime Meter::counted_from(StoreTime at) const {
  if (!is_rate() || lists_completed()) return at;
  return {(at.us / sub_window() + 1) * sub_window()};
}

bool Meter::is_shifted_by(Duration span) const {
  return !is_rate() || lists_completed() || span.us % sub_window() == 0;
}

StoreTime Meter::counts_until(const Slot& slot, StoreTime now) const {
  if (!is_rate()) return slot.at;
  if (!slot.open) return slot.at + horizon();
  if (slot.at <= now) return slot.at + unknown_hold_ + horizon();
  return now + horizon();
}

std::uint64_t Meter::used(const LimitLog& log, StoreTime now) const {
  std::uint64_t used = 0;
  for (const Slot& slot : log.slots) {
    if (counts_until(slot, now) > now) used += slot.units;
  }
  for (const SubWindow& one : log.counted) {
    if (one.end + horizon() > now) used += one.units;
  }
  return used;
}

StoreTime Meter::falls_to(const LimitLog& log, std::int64_t most, StoreTime now) const {
  if (most < 0) return StoreTime::never();
  std::uint64_t left = used(log, now);
  const auto enough = static_cast<std::uint64_t>(most);
  if (left <= enough) return now;
  std::vector<std::pair<StoreTime, std::uint32_t>> ends;
  for (const Slot& slot : log.slots) {
    if (const StoreTime end = counts_until(slot, now); end > now)
      ends.emplace_back(end, slot.units);
  }
  for (const SubWindow& one : log.counted) {
    if (one.end + horizon() > now) ends.emplace_back(one.end + horizon(), one.units);
  }
  std::sort(ends.begin(), ends.end());
  for (const auto& [end, freed] : ends) {
    left -= freed;
    if (left <= enough) return end;
  }
  return StoreTime::never();
}

StoreTime Meter::bucket_fills(const LimitLog& log, std::uint32_t units, std::uint32_t burst) const {
  const std::uint32_t wanted = std::min(units, burst);
  return log.tat - interval() * static_cast<std::int64_t>(burst - wanted);
}

Verdict Meter::decide(const LimitLog& log, std::uint32_t units, StoreTime now) const {
  const StoreTime window = falls_to(log, std::int64_t{limit_->n} - units, now);
  if (!is_rate()) {
    return window <= now ? Verdict{wire::Wait::kNone, now} : Verdict{wire::Wait::kInFlight, window};
  }
  const StoreTime bucket = bucket_fills(log, units, limit_->burst);
  if (window <= now && bucket <= now) return {wire::Wait::kNone, now};
  // Both must open; what opens last is the reason.
  return window >= bucket ? Verdict{wire::Wait::kWindowFull, window}
                          : Verdict{wire::Wait::kPacing, bucket};
}

std::uint32_t Meter::room(const LimitLog& log, StoreTime now) const {
  const std::uint64_t taken_units = used(log, now);
  const std::uint64_t free = taken_units >= limit_->n ? 0 : limit_->n - taken_units;
  if (!is_rate()) return static_cast<std::uint32_t>(free);
  const std::int64_t spent = std::max<std::int64_t>(0, (log.tat - now).us);
  const std::int64_t taken = (spent + interval().us - 1) / interval().us;
  const std::int64_t tokens = std::max<std::int64_t>(0, std::int64_t{limit_->burst} - taken);
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(free, static_cast<std::uint64_t>(tokens)));
}

void Meter::take(LimitLog& log, Slot slot) const {
  if (is_rate()) {
    log.tat = std::max(log.tat, slot.granted_at) + interval() * slot.units;
    // What only counts may be overdrawn, but no further than empty.
    if (limit_->shadow) {
      log.tat = std::min(log.tat, slot.granted_at + interval() * limit_->burst);
    }
  }
  slot.open = true;
  log.slots.push_back(std::move(slot));
}

// Sub-windows lie on a grid of their length; those of a former W, on another, stay until they are
// over.
void Meter::count(LimitLog& log, std::uint32_t units, StoreTime at) const {
  const StoreTime end = counted_from(at);
  auto place =
      std::lower_bound(log.counted.begin(), log.counted.end(), end,
                       [](const SubWindow& one, StoreTime time) { return one.end < time; });
  if (place != log.counted.end() && place->end == end) {
    place->units = sum(place->units, units);
    return;
  }
  log.counted.insert(place, {end, units});
  if (log.counted.size() <= kCountedMax) return;
  log.counted[1].units = sum(log.counted[0].units, log.counted[1].units);
  log.counted.erase(log.counted.begin());
}

void Meter::complete(LimitLog& log, const wire::Attempt& attempt, std::uint32_t units,
                     StoreTime at) const {
  const auto slot = find_slot(log.slots, attempt);
  const bool known = slot != log.slots.end();
  if (!is_rate()) {
    if (known) log.slots.erase(slot);
  } else if (!lists_completed()) {
    if (known && !slot->open) {  // listed when N was smaller
      slot->at = std::max(slot->at, at);
      return;
    }
    if (known) log.slots.erase(slot);
    count(log, units, at);
  } else if (!known) {
    log.slots.push_back({attempt, false, units, at, at});
  } else {
    slot->at = slot->open ? at : std::max(slot->at, at);
    slot->open = false;
  }
}

void Meter::charge(LimitLog& log, const wire::Attempt& attempt, std::uint32_t units,
                   StoreTime at) const {
  if (!is_rate()) return;
  const StoreTime emptied = at + interval() * limit_->burst;
  const StoreTime spent = std::max(log.tat, at) + interval() * std::min(units, limit_->n);
  log.tat = std::max(log.tat, std::min(emptied, spent));
  if (!lists_completed()) return count(log, units, at);
  log.slots.push_back({attempt, false, units, at, StoreTime{}});
  const auto charged = std::count_if(log.slots.begin(), log.slots.end(), is_charged);
  if (static_cast<std::size_t>(charged) <= kChargedMax) return;
  const auto first = std::find_if(log.slots.begin(), log.slots.end(), is_charged);
  const auto next = std::find_if(first + 1, log.slots.end(), is_charged);
  next->units = sum(first->units, next->units);
  next->at = std::max(first->at, next->at);
  log.slots.erase(first);
}

void Meter::arrived(LimitLog& log, std::uint32_t units, StoreTime at) const {
  if (!lists_completed()) return count(log, units, at);
  const wire::Attempt attempt{restored_identity(at), 0};
  const auto slot = find_slot(log.slots, attempt);
  if (slot != log.slots.end()) {
    slot->units = sum(slot->units, units);
  } else {
    log.slots.push_back({attempt, false, units, at, at});
  }
}

void Meter::free(LimitLog& log, const wire::Attempt& attempt) const {
  const auto slot = find_slot(log.slots, attempt);
  if (slot == log.slots.end() || !slot->open) return;
  if (is_rate() && slot + 1 == log.slots.end()) log.tat = log.tat - interval() * slot->units;
  log.slots.erase(slot);
}

void Meter::prune(LimitLog& log, StoreTime now) const {
  std::erase_if(log.slots, [&](const Slot& slot) { return counts_until(slot, now) <= now; });
  std::erase_if(log.counted, [&](const SubWindow& one) { return one.end + horizon() <= now; });
}

}  // namespace sluice::limiter
