#include "auditor/watch.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "lib/base/mark.h"

namespace sluice::auditor {
namespace {

// A limit of so many attempts in two windows is counted for certain violations only: possible ones
// would cost more than they tell.
constexpr std::size_t kPossibleMax = 16'384;
// A limit on concurrency: long enough for all that were open at the same time.
constexpr Duration kOpenSpan = minutes(5);

// What was replaced is held on to for at least so long: its last lines may come late.
constexpr Duration kKeptMin = hours(1);
constexpr Duration kDropEvery = minutes(1);
constexpr std::size_t kVersionsMax = 20'000;

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

Duration kept_for(const std::vector<Limit>& limits) {
  Duration longest = kKeptMin;
  for (const Limit& limit : limits) longest = std::max(longest, span_of(limit));
  return longest;
}

Watch::Watch(const std::vector<Upstream>& upstreams, std::size_t keys_max, std::size_t attempts_max)
    : keys_max_(keys_max), attempts_max_(attempts_max) {
  for (const Upstream& one : upstreams) learn({one.name, {}, one.limits});
}

// The oldest goes that does not rule.
void Watch::make_room_for_one() {
  if (versions_.size() < kVersionsMax) return;
  MARK("auditor: more versions of limits than the watch remembers");
  const auto oldest = std::find_if(versions_.begin(), versions_.end(),
                                   [](const auto& one) { return one.second.replaced_at.us != 0; });
  if (oldest == versions_.end()) return;
  rules_[oldest->second.upstream].versions.erase(oldest->second.version);
  versions_.erase(oldest);
}

// Never two with one name. What was learnt first without a name is taken for the first that has
// one.
std::uint32_t Watch::place_of(Rules& rules, LimitsSeen learnt) {
  const auto known = rules.versions.find(learnt.version);
  if (known != rules.versions.end()) return known->second;
  auto unnamed = rules.versions.extract("");
  if (unnamed.empty()) {
    make_room_for_one();
    rules.versions[learnt.version] = ++last_version_;
    versions_[last_version_] = std::move(learnt);
    return last_version_;
  }
  unnamed.key() = learnt.version;
  versions_[unnamed.mapped()] = std::move(learnt);
  return rules.versions.insert(std::move(unnamed)).position->second;
}

void Watch::learn(const LimitsSeen& seen) {
  LimitsSeen learnt = seen;
  // What refuses nothing, nothing breaks.
  std::erase_if(learnt.limits, [](const Limit& limit) { return limit.shadow; });
  Rules& rules = rules_[seen.upstream];
  const std::uint32_t number = place_of(rules, std::move(learnt));
  LimitsSeen& known = versions_[number];
  std::erase(rules.ruling, number);
  if (seen.at.us == 0) {  // settings: whether they rule, others say
    if (known.replaced_at.us == 0) rules.ruling.push_back(number);
  } else {
    known.at = seen.at;
    const StoreTime used = std::exchange(known.replaced_at, seen.replaced_at);
    // Of two that are said to rule it is the one that was said last.
    for (const std::uint32_t other : rules.ruling) {
      LimitsSeen& one = versions_[other];
      if (one.at > known.at) known.replaced_at = std::max({known.replaced_at, used, one.at});
    }
    if (known.replaced_at.us == 0) {
      for (const std::uint32_t other : rules.ruling) versions_[other].replaced_at = known.at;
      rules.ruling = {number};
    }
  }
  look_at(rules, known);
}

bool Watch::knows(const std::string& upstream, const std::string& version) const {
  const auto rules = rules_.find(upstream);
  return rules != rules_.end() && rules->second.versions.contains(version);
}

void Watch::forget(StoreTime newest) {
  keys_.clear();
  attempts_ = 0;
  newest_ = swept_ = dropped_ = newest;
  drop_replaced();
}

bool Watch::matters(const LimitsSeen& known) const {
  return known.replaced_at.us == 0 || newest_ <= known.replaced_at + kKeptMin;
}

void Watch::look_at(Rules& rules, const LimitsSeen& known) {
  if (!matters(known)) return;
  for (const Limit& limit : known.limits) {
    Scope& scope = limit.scope == LimitScope::kKey ? rules.of_key : rules.of_upstream;
    scope.span = std::max(scope.span, span_of(limit));
    scope.counts_ends = scope.counts_ends || counts_open(limit);
    span_ = std::max(span_, scope.span);
  }
}

// Replaced long ago: no set ends with an attempt under it any more. What is left says how far back
// attempts matter.
void Watch::drop_replaced() {
  dropped_ = newest_;
  span_ = {};
  for (auto& [upstream, rules] : rules_) {
    rules.of_key = rules.of_upstream = {};
    for (auto at = rules.versions.begin(); at != rules.versions.end();) {
      const LimitsSeen& known = versions_.at(at->second);
      const bool over =
          known.replaced_at.us != 0 && newest_ > known.replaced_at + kept_for(known.limits);
      if (over) versions_.erase(at->second);
      if (!over) look_at(rules, known);
      at = over ? rules.versions.erase(at) : std::next(at);
    }
  }
}

// Not known: 0. An attempt that does not say is held against the newest. Who is granted under
// limits shows that they rule.
std::uint32_t Watch::version_of(Rules& rules, const AttemptSeen& attempt) {
  if (auto unnamed = rules.versions.extract(""); !unnamed.empty()) {
    versions_[unnamed.mapped()].version = attempt.limits;
    unnamed.key() = attempt.limits;
    rules.versions.insert(std::move(unnamed));
  }
  if (attempt.limits.empty()) return rules.ruling.empty() ? 0 : rules.ruling.back();
  const auto known = rules.versions.find(attempt.limits);
  if (known == rules.versions.end()) return 0;
  StoreTime& replaced_at = versions_[known->second].replaced_at;
  if (replaced_at.us != 0) replaced_at = std::max(replaced_at, attempt.granted);
  return known->second;
}

Watch::Seen Watch::see(const AttemptSeen& attempt) {
  Seen seen;
  if (attempt.completed < attempt.granted) return seen;
  Interval interval;
  interval.granted = attempt.granted;
  interval.completed = interval.freed = attempt.completed;
  interval.attempt = short_name(attempt);
  interval.units = std::max<std::uint32_t>(attempt.units, 1);
  const auto rules = rules_.find(attempt.upstream);
  if (rules != rules_.end()) interval.version = version_of(rules->second, attempt);
  interval.answered = attempt.answered;
  seen.unwatched = interval.version == 0;
  newest_ = std::max(newest_, attempt.completed);
  if (newest_ - dropped_ >= kDropEvery) drop_replaced();
  if (rules == rules_.end()) return seen;
  for (const LimitScope scope : {LimitScope::kKey, LimitScope::kUpstream}) {
    const bool all_keys = scope == LimitScope::kUpstream;
    const Scope& about = all_keys ? rules->second.of_upstream : rules->second.of_key;
    if (about.span.us == 0) continue;
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
  for (const std::uint32_t version : log.versions_from(place)) {
    const auto known = versions_.find(version);
    if (known == versions_.end()) continue;
    for (const Limit& limit : known->second.limits) {
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
