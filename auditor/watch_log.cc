#include "auditor/watch_log.h"

#include <algorithm>
#include <optional>

namespace sluice::auditor {

std::size_t WatchLog::first_granted_from(StoreTime at) const {
  const auto found =
      std::lower_bound(log_.begin(), log_.end(), at,
                       [](const Entry& entry, StoreTime time) { return entry.granted < time; });
  return static_cast<std::size_t>(found - log_.begin());
}

std::uint64_t WatchLog::units_before(std::size_t place) const {
  if (place < log_.size()) return log_[place].before;
  return log_.empty() ? forgotten_ : log_.back().before + log_.back().units;
}

std::uint64_t WatchLog::units_granted(StoreTime from, StoreTime to) const {
  const std::size_t end = first_granted_from(to + microseconds(1));
  return units_before(end) - units_before(first_granted_from(from));
}

// An answer that came late takes the place of the unknown end, but what was free stays free.
void WatchLog::take_out(const Interval& attempt, StoreTime& freed) {
  for (std::size_t place = first_granted_from(attempt.granted);
       place < log_.size() && log_[place].granted == attempt.granted; ++place) {
    if (log_[place].attempt != attempt.attempt) continue;
    freed = std::min(freed, log_[place].freed);
    const std::uint64_t units = log_[place].units;
    if (counts_ends_) {
      ends_.erase(std::lower_bound(ends_.begin(), ends_.end(), log_[place].freed));
    }
    log_.erase(log_.begin() + static_cast<std::ptrdiff_t>(place));
    for (std::size_t later = place; later < log_.size(); ++later) log_[later].before -= units;
    return;
  }
}

// From the front only: one that took long keeps what was granted after it a little longer. Many at
// once, because the rest moves up.
void WatchLog::trim(StoreTime before) {
  std::size_t old = 0;
  while (old < log_.size() && log_[old].completed < before) ++old;
  if (old == 0 || (old < log_.size() / 4 && old < 64)) return;
  forgotten_ = units_before(old);
  log_.erase(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(old));
  if (!counts_ends_) return;
  counts_ends_ = false;
  count_ends();
}

void WatchLog::count_ends() {
  if (counts_ends_) return;
  counts_ends_ = true;
  ends_.clear();
  for (const Entry& entry : log_) ends_.push_back(entry.freed);
  std::sort(ends_.begin(), ends_.end());
}

std::size_t WatchLog::remember(Interval attempt, Duration span) {
  newest_ = std::max(newest_, attempt.completed);
  longest_ = std::max(longest_, attempt.completed - attempt.granted);
  is_weighted_ = is_weighted_ || attempt.units > 1;
  take_out(attempt, attempt.freed);
  trim(newest_ - span);
  const std::size_t place = first_granted_from(attempt.granted + microseconds(1));
  Entry entry;
  static_cast<Interval&>(entry) = attempt;
  entry.before = units_before(place);
  log_.insert(log_.begin() + static_cast<std::ptrdiff_t>(place), entry);
  for (std::size_t later = place + 1; later < log_.size(); ++later) {
    log_[later].before += attempt.units;
  }
  if (counts_ends_) {
    ends_.insert(std::upper_bound(ends_.begin(), ends_.end(), attempt.freed), attempt.freed);
  }
  return place;
}

std::vector<std::uint32_t> WatchLog::versions_from(std::size_t place) const {
  std::vector<std::uint32_t> versions;
  for (; place < log_.size(); ++place) {
    const std::uint32_t version = log_[place].version;
    if (std::find(versions.begin(), versions.end(), version) == versions.end()) {
      versions.push_back(version);
    }
  }
  return versions;
}

// Answered attempts from `first` on that lie whole before `end`, up to the last one of the version.
Fullest WatchLog::within(std::size_t first, const Asked& asked, StoreTime end) const {
  Fullest sum;
  Fullest found;
  for (std::size_t at = first; at < log_.size() && log_[at].granted <= end; ++at) {
    const Entry& entry = log_[at];
    if (!entry.answered || entry.completed > end) continue;
    sum.units += entry.units;
    ++sum.attempts;
    sum.last_completed = std::max(sum.last_completed, entry.completed);
    if (at >= asked.place && entry.version == asked.version) found = sum;
  }
  found.first_granted = log_[first].granted;
  return found;
}

// Each window is tried that begins with a grant and can hold the attempt whole. One that reaches
// the newest completion has all that later ones have.
Fullest WatchLog::certainly_within(const Asked& asked, Duration window) const {
  const Entry& it = log_[asked.place];
  Fullest most;
  const StoreTime earliest = it.completed - window;
  if (!it.answered || units_granted(earliest, it.granted + window) <= asked.n) return most;
  for (std::size_t first = first_granted_from(earliest); first <= asked.place; ++first) {
    if (!log_[first].answered) continue;
    const StoreTime end = log_[first].granted + window;
    if (end < it.completed) continue;
    const Fullest found = within(first, asked, end);
    if (found.units > most.units) most = found;
    if (end >= newest_) break;
  }
  return most;
}

// A window [x, x + W] can have those that had not completed before x and were granted by x + W. The
// first completion is the latest x worth trying for each set; one whose window reaches the newest
// grant has all that later ones have.
std::uint64_t WatchLog::possibly_within(const Asked& asked, Duration window) const {
  const Entry& it = log_[asked.place];
  const StoreTime earliest = it.granted - window;
  if (units_granted(earliest - longest_, it.completed + window) <= asked.n) return 0;
  const StoreTime reaches = log_.back().granted - window;
  std::vector<StoreTime> starts;
  std::optional<StoreTime> last;
  for (std::size_t at = first_granted_from(earliest - longest_);
       at < log_.size() && log_[at].granted <= it.completed; ++at) {
    const StoreTime x = log_[at].completed;
    if (x < earliest || x > it.completed) continue;
    if (x < reaches) {
      starts.push_back(x);
    } else if (!last || x < *last) {
      last = x;
    }
  }
  if (last) starts.push_back(*last);
  std::uint64_t most = 0;
  for (const StoreTime x : starts) {
    std::uint64_t units = 0;
    for (std::size_t at = first_granted_from(x - longest_);
         at < log_.size() && log_[at].granted <= x + window; ++at) {
      if (log_[at].completed < x) continue;
      units += log_[at].units;
      if (at >= asked.place && log_[at].version == asked.version) most = std::max(most, units);
    }
    if (most > asked.n) break;
  }
  return most;
}

std::size_t WatchLog::open_at(StoreTime at) const {
  const auto ended = std::upper_bound(ends_.begin(), ends_.end(), at) - ends_.begin();
  return first_granted_from(at + microseconds(1)) - static_cast<std::size_t>(ended);
}

// Open together are those that were open when the last of them was granted.
Fullest WatchLog::open_together(const Asked& asked, Duration overlap) const {
  const Entry& it = log_[asked.place];
  Fullest most;
  for (std::size_t last = asked.place; last < log_.size(); ++last) {
    const StoreTime granted = log_[last].granted;
    if (granted + overlap >= it.freed) break;
    if (log_[last].version != asked.version) continue;
    if (!is_weighted_ && open_at(granted) <= asked.n) continue;
    Fullest found;
    for (std::size_t at = first_granted_from(granted - longest_); at < log_.size(); ++at) {
      if (log_[at].granted > granted) break;
      if (log_[at].freed <= granted + overlap) continue;
      if (found.attempts == 0) found.first_granted = log_[at].granted;
      ++found.attempts;
      found.units += log_[at].units;
      found.last_completed = std::max(found.last_completed, log_[at].completed);
    }
    if (found.units > most.units) most = found;
  }
  return most;
}

}  // namespace sluice::auditor
