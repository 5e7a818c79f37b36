// The limits as the shard knows them: edits, closures, and what they make of a log that cannot know
// everything (design 4.1, 4.4).
#include <algorithm>
#include <utility>

#include "lib/base/mark.h"
#include "lib/wire/limits.h"
#include "lib/wire/valid.h"
#include "limiter/script_parts.h"
#include "limiter/trail_line.h"

namespace sluice::limiter {

namespace {

constexpr std::size_t kOwnLinesMax = 64;

// One more line of the shard's own.
wire::Record& new_line(Scene& scene, wire::RecordKind kind) {
  ShardRecord& state = scene.shard.edit_state();
  ++state.edits;
  if (state.outbox.size() >= kOwnLinesMax) state.outbox.erase(state.outbox.begin());
  wire::Record& line = state.outbox.emplace_back();
  line.record_id = edit_id_of(scene.upstream.name, state.edits, scene.now);
  line.kind = kind;
  line.at = scene.now;
  line.upstream = scene.upstream.name;
  return line;
}

void say_closure(Scene& scene, ClosedBy why, StoreTime until) {
  wire::Record& line = new_line(scene, wire::RecordKind::kHold);
  line.reason = words_of_closure(why);
  line.until = until;
}

Duration horizon(const Limit& limit) { return Meter(limit, {}).horizon(); }

// How many units a limit lets through in `span`, at most.
std::uint32_t most_in(const Limit& limit, Duration span, std::int64_t windows_more) {
  const std::int64_t windows = (span.us + limit.window.us - 1) / limit.window.us + windows_more;
  const std::int64_t most = kHeldFull;
  return static_cast<std::uint32_t>(windows > most / limit.n ? most
                                                             : windows * std::int64_t{limit.n});
}

// Whether the limit ruled, and its logs missed nothing, for so long before `now`.
bool ruled(const KnownLimit& known, Duration span, StoreTime now) {
  const Limit& limit = known.limit;
  return limit.kind == LimitKind::kRate && !limit.shadow && known.held_until <= now &&
         (known.since.us == 0 || known.since + span <= now);
}

// The same limit with other numbers. Its log reaches back over the old horizon; before that the old
// limit let through what it let through. What the log has is now needed for longer than was thought
// when its key was last looked at.
KnownLimit changed(Scene& scene, const KnownLimit& old, const Limit& limit) {
  const StoreTime now = scene.now;
  KnownLimit next = old;
  next.limit = limit;
  const bool same = limit.n == old.limit.n && limit.window == old.limit.window;
  if (!same || limit.shadow != old.limit.shadow) next.since = now;
  const Duration longer = horizon(limit) - horizon(old.limit);
  if (longer.us > 0) {
    const bool sure = ruled(old, horizon(limit), now);
    next.held = sure ? most_in(old.limit, longer, 0) : kHeldFull;
    next.held_until = std::max(now, old.held_until) + longer;
    const ShardRecord& state = scene.shard.state();
    if (state.stretched > kKeySlack) {
      next.held = kHeldFull;
      next.held_until = std::max(next.held_until, state.keys_until);
    }
  } else if (old.held_until > now) {
    next.held_until = old.held_until + longer;
  }
  return next;
}

void keep_keys_of(Scene& scene, const std::vector<const KnownLimit*>& matched) {
  const auto& limits = scene.limits;
  Duration longest, needed;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    if (matched[i] == nullptr || horizon(limits[i]) <= horizon(matched[i]->limit)) continue;
    longest = std::max(longest, horizon(limits[i]) - horizon(matched[i]->limit));
    needed = std::max(needed, horizon(limits[i]));
  }
  if (longest.us > 0) keep_keys(scene, longest, needed);
}

// A limit that was not there: no log of it knows what is under way, or has gone before. Others that
// ruled the same messages bound it.
KnownLimit added(Scene& scene, const Limit& limit) {
  const ShardRecord& state = scene.shard.state();
  KnownLimit next;
  next.limit = limit;
  next.log = limit.name + "#" + std::to_string(state.edits + 1);
  next.since = scene.now;
  next.held = kHeldFull;
  next.held_until = scene.now + scene.spans().lease();
  if (limit.kind != LimitKind::kRate) return next;
  next.held_until = next.held_until + scene.spans().unknown_hold + horizon(limit);
  for (const KnownLimit& old : state.limits) {
    const bool wider = old.limit.scope == limit.scope || old.limit.scope == LimitScope::kUpstream;
    if (!wider || !ruled(old, horizon(limit), scene.now)) continue;
    // What has arrived, and what was open: each a window's worth more at most.
    next.held = std::min(next.held, most_in(old.limit, horizon(limit), 1));
  }
  return next;
}

bool is_kin(const Limit& a, const Limit& b) { return a.scope == b.scope && a.kind == b.kind; }

// Which of the old limits each new one is: by name; what is left over in the same place of the same
// sort was renamed.
std::vector<const KnownLimit*> match(const std::vector<KnownLimit>& old,
                                     const std::vector<Limit>& limits) {
  std::vector<const KnownLimit*> matched(limits.size(), nullptr);
  const auto taken = [&](const KnownLimit& one) {
    return std::find(matched.begin(), matched.end(), &one) != matched.end();
  };
  for (const bool by_name : {true, false}) {
    for (std::size_t i = 0; i < limits.size(); ++i) {
      for (const KnownLimit& one : old) {
        if (matched[i] != nullptr || taken(one) || !is_kin(one.limit, limits[i])) continue;
        if (!by_name || one.limit.name == limits[i].name) matched[i] = &one;
      }
    }
  }
  return matched;
}

bool holds(const std::vector<Limit>& limits, const ShardRecord& state) {
  return std::equal(limits.begin(), limits.end(), state.limits.begin(), state.limits.end(),
                    [](const Limit& a, const KnownLimit& b) { return a == b.limit; });
}

// Whether a person's edit is made from another version than the one that holds. To say once more
// what holds is none.
bool is_stale(const SetLimits& call, std::uint64_t version, const ShardRecord& state) {
  return !call.limits.empty() && call.said_at.us == 0 && call.instead_of != 0 &&
         call.instead_of != state.limits_version && version != state.limits_version;
}

// Settings that are new for their limiter, and are not those that spoke last.
bool is_new(const std::string& instance, std::uint64_t version, const ShardRecord& state) {
  if (version == state.file_version) return false;
  return std::none_of(state.said.begin(), state.said.end(), [&](const SettingsSaid& said) {
    return said.instance == instance && said.file_version == version;
  });
}

void edit_limits(Scene& scene, const SetLimits& call, std::uint64_t before) {
  ShardRecord& state = scene.shard.edit_state();
  const auto matched = match(state.limits, scene.limits);
  keep_keys_of(scene, matched);
  std::vector<KnownLimit> next;
  for (std::size_t i = 0; i < scene.limits.size(); ++i) {
    next.push_back(matched[i] == nullptr ? added(scene, scene.limits[i])
                                         : changed(scene, *matched[i], scene.limits[i]));
  }
  state.limits = std::move(next);
  state.by = wire::clip(call.by, kByMax);
  // No two at the same time: of what is remembered the last one counts.
  const StoreTime after = std::max(scene.now, state.edited_at + microseconds(1));
  state.edited_at = call.said_at.us == 0 ? after : call.said_at;
  fit_clock_error(scene);
  say_edit(scene, before, words_of_edit(call, scene.limits));
}

// The longest window that a closure waits for.
Duration closing_window(const Scene& scene) {
  Duration window;
  for (const Limit& limit : scene.limits) {
    if (limit.kind != LimitKind::kRate || limit.shadow) continue;
    window = std::max(window, std::min(limit.window, scene.spans().close_max));
  }
  return window;
}

// Spread over 0..4095, keys that differ in their last byte too. Every product is below 2^53.
std::int64_t place_of(const std::string& key) {
  std::int64_t hash = 7;
  for (const char c : key) hash = (hash * 65'599 + static_cast<unsigned char>(c)) % 2'147'483'647;
  return hash * 48'271 % 2'147'483'647 % 4'096;
}

}  // namespace

// More has gone than it lets through: it bounds nothing that went before.
void Scene::went_over(const Limit& limit) {
  for (KnownLimit& one : shard.edit_state().limits) {
    if (one.limit.name == limit.name) one.since = now;
  }
}

const KnownLimit* Scene::known(const Limit& limit) {
  const auto& all = shard.state().limits;
  const auto at = std::find_if(all.begin(), all.end(),
                               [&](const KnownLimit& one) { return one.limit.name == limit.name; });
  return at == all.end() ? nullptr : &*at;
}

const std::string& Scene::log_name(const Limit& limit) {
  const KnownLimit* one = known(limit);
  return one == nullptr ? limit.name : one->log;
}

StoreTime Scene::opens_at(const std::string& key) {
  const StoreTime closed = shard.state().closed_until;
  if (closed.us == 0) return {};
  return closed + microseconds(closing_window(*this).us / 4'096 * place_of(key));
}

// An arrival may be as late as its lease's end plus unknown_hold (A5), whether anybody will ever
// tell of it or not; and the store that this one was a copy of may have gone on for a while.
void close(Scene& scene, ClosedBy why, StoreTime since) {
  ShardRecord& state = scene.shard.edit_state();
  Duration guard;
  for (const Limit& limit : scene.limits) guard = std::max(guard, limit.guard);
  const StoreTime quiet =
      std::max(since + state.spans.arrival(), state.tail) + state.spans.store_overlap;
  const StoreTime until = quiet + closing_window(scene) + guard;
  if (until > scene.now && until > state.closed_until) {
    MARK("store: closed, as it may have forgotten");
    // It is news once: not that for the same reason it becomes longer.
    if (state.closed_until <= scene.now || state.closed_by != why) say_closure(scene, why, until);
    state.closed_until = until;
    state.closed_by = why;
  }
  for (KnownLimit& known : state.limits) {
    if (quiet + horizon(known.limit) <= scene.now) continue;
    known.held = kHeldFull;
    known.held_until = std::max(known.held_until, quiet + horizon(known.limit));
  }
}

void meet_life(Scene& scene, const Moment& moment) {
  const ShardRecord& before = scene.shard.state();
  const bool first = before.life.empty();
  if (!first && before.life == moment.life) return;
  ShardRecord& state = scene.shard.edit_state();
  state.life = moment.life;
  if (first) {
    for (const Limit& limit : scene.limits) {
      state.limits.push_back({limit, limit.name, {}, {}, 0});
    }
    state.limits_version = limits_version(scene.upstream.name, scene.limits);
    if (moment.fresh) return;
  }
  state.opened_at = scene.now;
  close(scene, first ? ClosedBy::kFirst : ClosedBy::kLife);
}

void say_edit(Scene& scene, std::uint64_t before, std::string words) {
  wire::Record& line = new_line(scene, wire::RecordKind::kLimits);
  line.limits_version = scene.shard.state().limits_version;
  line.limits_before = before;
  line.limit_rows = wire::rows_of(scene.limits);
  line.reason = std::move(words);
}

std::uint64_t version_of(const Upstream& upstream, const SetLimits& call) {
  return limits_version(upstream.name, call.limits.empty() ? upstream.limits : call.limits);
}

// Who remembers an edit says it to a store that knows none, or an older one.
bool takes_effect(const StoreConfig& config, const ShardRecord& state, const SetLimits& call) {
  const std::uint64_t version = version_of(*find_upstream(config, call.upstream), call);
  if (call.said_at.us != 0) {
    return version != state.limits_version && state.edited_at < call.said_at;
  }
  if (!call.limits.empty()) return !is_stale(call, version, state);
  return state.life.empty() || (!call.again && is_new(config.instance, version, state));
}

const std::vector<Limit>& ruling(const Upstream& upstream, const ShardRecord& state,
                                 const SetLimits* edit, std::vector<Limit>& kept) {
  if (edit != nullptr) return edit->limits.empty() ? upstream.limits : edit->limits;
  if (state.life.empty() || holds(upstream.limits, state)) return upstream.limits;
  for (const KnownLimit& known : state.limits) kept.push_back(known.limit);
  return kept;
}

ShardLimits limits_of(const ShardRecord& state) {
  ShardLimits limits{state.limits_version, state.by, state.edited_at, {}};
  for (const KnownLimit& known : state.limits) limits.limits.push_back(known.limit);
  return limits;
}

LimitsReply set_limits(Scene& scene, const SetLimits& call) {
  const ShardRecord& before = scene.shard.state();
  const std::uint64_t version = version_of(scene.upstream, call);
  const bool stale = is_stale(call, version, before);
  if (scene.takes) {
    const std::uint64_t old = before.limits_version;
    ShardRecord& state = scene.shard.edit_state();
    state.limits_version = version;
    if (call.limits.empty()) state.file_version = version;
    if (!holds(scene.limits, state)) {
      edit_limits(scene, call, old);
    } else if (state.by.empty()) {
      state.by = wire::clip(call.by, kByMax);
    }
  }
  return {stale, limits_of(scene.shard.state()), {}, scene.spans()};
}

}  // namespace sluice::limiter
