#include "auditor/watch.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace sluice::auditor {
namespace {

// The longest window of those limits that have this scope; 0 when there are none.
Duration longest(const std::vector<Limit>& limits, LimitScope scope) {
  Duration most;
  for (const Limit& limit : limits) {
    if (limit.scope == scope) most = std::max(most, limit.window);
  }
  return most;
}

}  // namespace

Watch::Watch(const std::vector<Upstream>& upstreams, std::size_t keys_max) : keys_max_(keys_max) {
  for (const Upstream& upstream : upstreams) {
    limits_[upstream.name] = upstream.limits;
    for (const Limit& limit : upstream.limits) span_ = std::max(span_, limit.window * 2);
  }
}

void Watch::forget() {
  keys_.clear();
  newest_ = {};
}

Watch::Seen Watch::see(const AttemptSeen& attempt) {
  Seen seen;
  const auto known = limits_.find(attempt.upstream);
  if (known == limits_.end() || attempt.completed < attempt.granted) return seen;
  newest_ = std::max(newest_, attempt.completed);
  for (const LimitScope scope : {LimitScope::kKey, LimitScope::kUpstream}) {
    if (longest(known->second, scope).us == 0) continue;
    const bool all_keys = scope == LimitScope::kUpstream;
    Key& key = keys_[attempt.upstream + (all_keys ? "\n" : "\n" + attempt.key)];
    remember(key, attempt, longest(known->second, scope) * 2);
    for (const Limit& limit : known->second) {
      if (limit.scope == scope) judge(key.log, attempt, limit, seen);
    }
  }
  if (keys_.size() > keys_max_) let_go();
  return seen;
}

// One interval per attempt: an answer that came late takes the place of the unknown end. What was
// granted under other limits than this one cannot be held against these.
void Watch::remember(Key& key, const AttemptSeen& attempt, Duration span) {
  key.newest = std::max(key.newest, attempt.completed);
  std::erase_if(key.log, [&](const Interval& old) {
    const bool same = old.serial == attempt.serial && old.message == attempt.message;
    const bool others =
        !old.limits.empty() && !attempt.limits.empty() && old.limits != attempt.limits;
    return same || others || old.completed < key.newest - span;
  });
  key.log.push_back({attempt.granted, attempt.completed, attempt.message, attempt.serial,
                     attempt.answered, attempt.limits});
}

// Keys that have been quiet for so long that no window holds them any more; if that is not enough,
// the quietest eighth, so that this is not needed again at once.
void Watch::let_go() {
  std::erase_if(keys_, [&](const auto& entry) { return entry.second.newest < newest_ - span_; });
  if (keys_.size() <= keys_max_) return;
  std::vector<StoreTime> times;
  for (const auto& entry : keys_) times.push_back(entry.second.newest);
  const auto pivot = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 8);
  std::nth_element(times.begin(), pivot, times.end());
  std::erase_if(keys_, [&](const auto& entry) { return entry.second.newest <= *pivot; });
}

void Watch::judge(const Log& log, const AttemptSeen& attempt, const Limit& limit, Seen& seen) {
  if (log.size() <= limit.n) return;
  if (attempt.answered) {
    Violation found;
    found.attempts = certainly_within(log, attempt, limit.window, found);
    if (found.attempts > limit.n) {
      found.upstream = attempt.upstream;
      found.limit = limit.name;
      if (limit.scope == LimitScope::kKey) found.key = attempt.key;
      found.n = limit.n;
      found.window = limit.window;
      found.last_line = attempt.line;
      seen.certain.push_back(found);
    }
  }
  if (possibly_within(log, attempt, limit.window) > limit.n) ++seen.possible;
}

// The most answered attempts, this one among them, that lie whole within one window. For each first
// grant L (falling), those granted at L or later that completed by L + W: a heap by completion,
// because what is too late for one L is too late for every smaller one.
std::uint32_t Watch::certainly_within(const Log& log, const AttemptSeen& attempt, Duration window,
                                      Violation& found) {
  std::vector<std::pair<StoreTime, StoreTime>> near;  // granted, completed
  for (const Interval& other : log) {
    if (other.answered && other.granted >= attempt.completed - window &&
        other.completed <= attempt.granted + window) {
      near.emplace_back(other.granted, other.completed);
    }
  }
  std::sort(near.begin(), near.end(), std::greater<>());
  std::priority_queue<StoreTime> completed;
  std::uint32_t most = 0;
  for (const auto& [granted, done] : near) {
    completed.push(done);
    while (!completed.empty() && completed.top() > granted + window) completed.pop();
    if (granted <= attempt.granted && completed.size() > most) {
      most = static_cast<std::uint32_t>(completed.size());
      found.first_granted = granted;
      found.last_completed = completed.top();
    }
  }
  return most;
}

// The most attempts, this one among them, that can have arrived within one window [x, x + W]: those
// that had not completed before x and were granted by x + W. The first completion is the latest x
// that is worth trying for each set.
std::uint32_t Watch::possibly_within(const Log& log, const AttemptSeen& attempt, Duration window) {
  std::vector<StoreTime> granted;
  std::vector<StoreTime> completed;
  for (const Interval& other : log) {
    granted.push_back(other.granted);
    completed.push_back(other.completed);
  }
  std::sort(granted.begin(), granted.end());
  std::sort(completed.begin(), completed.end());
  std::size_t most = 0;
  for (const StoreTime x : completed) {
    if (x > attempt.completed || attempt.granted > x + window) continue;
    const auto by = std::upper_bound(granted.begin(), granted.end(), x + window);
    const auto before = std::lower_bound(completed.begin(), completed.end(), x);
    most = std::max(
        most, static_cast<std::size_t>((by - granted.begin()) - (before - completed.begin())));
  }
  return static_cast<std::uint32_t>(most);
}

}  // namespace sluice::auditor
