#include "auditor/watch.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace sluice::auditor {
namespace {

// A limit of so many attempts in two windows is counted for certain violations only: possible ones
// would cost more than they tell.
constexpr std::size_t kPossibleMax = 16'384;
// A limit on concurrency: long enough for all that were open at the same time.
constexpr Duration kOpenSpan = minutes(5);

bool counts_open(const Limit& limit) { return limit.kind == LimitKind::kConcurrency; }
Duration span_of(const Limit& limit) { return counts_open(limit) ? kOpenSpan : limit.window * 2; }

// FNV-1a: a name for maps of this process only.
std::uint64_t short_name(const AttemptSeen& attempt) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto mix = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3U; };
  for (const char c : attempt.message) mix(static_cast<unsigned char>(c));
  for (std::uint32_t rest = attempt.serial; rest != 0; rest >>= 8U) {
    mix(static_cast<unsigned char>(rest & 255U));
  }
  return hash;
}

// What a limit says of the attempt at this place; `possible` is counted, too, for a certain one.
struct Judged {
  Fullest certain;
  bool possible = false;
};
Judged judge(const WatchLog& log, const Asked& asked, const Limit& limit) {
  if (log.units() <= limit.n) return {};  // nor are there so many attempts
  if (counts_open(limit)) {
    const bool possible = log.open_together(asked, {}).units > limit.n;
    return {possible ? log.open_together(asked, limit.guard) : Fullest{}, possible};
  }
  const bool few = log.size() <= kPossibleMax;
  return {log.certainly_within(asked, limit.window),
          few && log.possibly_within(asked, limit.window) > limit.n};
}

}  // namespace

Watch::Watch(const std::vector<Upstream>& upstreams, std::size_t keys_max, std::size_t attempts_max)
    : keys_max_(keys_max), attempts_max_(attempts_max) {
  for (const Upstream& one : upstreams) learn({one.name, {}, one.limits});
}

void Watch::learn(const LimitsSeen& seen) {
  constexpr std::size_t kVersionsMax = 60'000;
  LimitsSeen learnt = seen;
  // What refuses nothing, nothing breaks.
  std::erase_if(learnt.limits, [](const Limit& limit) { return limit.shadow; });
  for (const Limit& limit : learnt.limits) span_ = std::max(span_, span_of(limit));
  for (LimitsSeen& known : versions_) {
    if (known.upstream != seen.upstream || known.upstream.empty()) continue;
    if (known.version == seen.version) return;
    if (known.version.empty()) return static_cast<void>(known = std::move(learnt));
  }
  if (versions_.size() > kVersionsMax) versions_.pop_back();
  versions_.push_back(std::move(learnt));
}

void Watch::forget() {
  keys_.clear();
  attempts_ = 0;
  newest_ = swept_ = {};
}

// Not known: 0. An attempt that does not say is held against the newest.
std::uint16_t Watch::version_of(const std::string& upstream, const std::string& name) {
  for (std::size_t n = versions_.size() - 1; n > 0; --n) {
    LimitsSeen& known = versions_[n];
    if (known.upstream != upstream) continue;
    if (known.version.empty()) known.version = name;
    if (name.empty() || known.version == name) return static_cast<std::uint16_t>(n);
  }
  return 0;
}

Watch::Scope Watch::scope_of(const std::string& upstream, LimitScope scope) const {
  Scope found;
  for (const LimitsSeen& known : versions_) {
    if (known.upstream != upstream) continue;
    for (const Limit& limit : known.limits) {
      if (limit.scope != scope) continue;
      found.span = std::max(found.span, span_of(limit));
      found.counts_ends = found.counts_ends || counts_open(limit);
    }
  }
  return found;
}

Watch::Seen Watch::see(const AttemptSeen& attempt) {
  Seen seen;
  if (attempt.completed < attempt.granted) return seen;
  Interval interval;
  interval.granted = attempt.granted;
  interval.completed = interval.freed = attempt.completed;
  interval.attempt = short_name(attempt);
  interval.units = std::max<std::uint32_t>(attempt.units, 1);
  interval.version = version_of(attempt.upstream, attempt.limits);
  interval.answered = attempt.answered;
  seen.unwatched = interval.version == 0;
  newest_ = std::max(newest_, attempt.completed);
  for (const LimitScope scope : {LimitScope::kKey, LimitScope::kUpstream}) {
    const Scope about = scope_of(attempt.upstream, scope);
    if (about.span.us == 0) continue;
    const bool all_keys = scope == LimitScope::kUpstream;
    auto& [log, is_fresh] = keys_[attempt.upstream + (all_keys ? "\n" : "\n" + attempt.key)];
    is_fresh = true;
    if (about.counts_ends) log.count_ends();
    const std::size_t before = log.size();
    const std::size_t place = log.remember(interval, about.span);
    attempts_ = attempts_ + log.size() - before;
    see_at({log, place, scope}, attempt, seen);
  }
  if (newest_ - swept_ >= span_) sweep();
  if (keys_.size() > keys_max_ || attempts_ > attempts_max_) make_room();
  return seen;
}

// Whatever was granted after it may be the last grant of a set that it is part of.
void Watch::see_at(const Spot& spot, const AttemptSeen& attempt, Seen& seen) const {
  const auto& [log, place, scope] = spot;
  for (const std::uint16_t version : log.versions_from(place)) {
    for (const Limit& limit : versions_[version].limits) {
      if (limit.scope != scope) continue;
      const Judged judged = judge(log, {place, version, limit.n}, limit);
      seen.possible += judged.possible ? 1 : 0;
      if (judged.certain.units <= limit.n) continue;
      Violation found;
      found.upstream = attempt.upstream;
      found.limit = limit.name;
      if (scope == LimitScope::kKey) found.key = attempt.key;
      found.n = limit.n;
      if (!counts_open(limit)) found.window = limit.window;
      found.attempts = judged.certain.attempts;
      found.units = judged.certain.units;
      found.first_granted = judged.certain.first_granted;
      found.last_completed = judged.certain.last_completed;
      found.last_line = attempt.line;
      seen.certain.push_back(found);
    }
  }
}

// Keys go that have been quiet for so long that no window holds them any more. What was seen since
// the last time stays: its lines may come late, and more of them are to follow.
void Watch::sweep() {
  swept_ = newest_;
  for (auto at = keys_.begin(); at != keys_.end();) {
    auto& [log, is_fresh] = at->second;
    const bool stays = std::exchange(is_fresh, false) || log.newest() + span_ >= newest_;
    if (!stays) attempts_ -= log.size();
    at = stays ? std::next(at) : keys_.erase(at);
  }
}

// Keys that have been quiet for so long that no window holds them any more; if that is not enough,
// the quietest eighth, so that this is not needed again at once.
void Watch::make_room() {
  const auto drop_until = [this](StoreTime last) {
    std::erase_if(keys_, [&](const auto& entry) {
      if (entry.second.log.newest() > last) return false;
      attempts_ -= entry.second.log.size();
      return true;
    });
  };
  drop_until(newest_ - span_ - microseconds(1));
  if (keys_.size() <= keys_max_ && attempts_ <= attempts_max_) return;
  std::vector<StoreTime> times;
  for (const auto& entry : keys_) times.push_back(entry.second.log.newest());
  const auto pivot = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 8);
  std::nth_element(times.begin(), pivot, times.end());
  const std::size_t before = keys_.size();
  drop_until(*pivot);
  let_go_ += before - keys_.size();
}

}  // namespace sluice::auditor
