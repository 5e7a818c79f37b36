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

constexpr std::size_t kEditLinesMax = 64;  // of the shard's outbox
constexpr std::size_t kByMax = 200;        // bytes of who says so

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

// Keys' records are needed for longer than was thought when they were last looked at. Those of
// before that may be gone when windows grow by more than kKeySlack, all told.
void keep_keys(Scene& scene, const std::vector<const KnownLimit*>& matched) {
  const auto& limits = scene.limits;
  Duration longest, needed;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    if (matched[i] == nullptr || horizon(limits[i]) <= horizon(matched[i]->limit)) continue;
    longest = std::max(longest, horizon(limits[i]) - horizon(matched[i]->limit));
    needed = std::max(needed, horizon(limits[i]));
  }
  if (longest.us == 0) return;
  ShardRecord& state = scene.shard.edit_state();
  if (state.keys_until <= scene.now) state.keys_since = scene.now, state.stretched = {};
  state.stretched += longest;
  const StoreTime until = scene.now + scene.lease() + scene.upstream.unknown_hold + needed;
  state.keys_until = std::max(state.keys_until, until);
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
  next.held_until = scene.now + scene.lease();
  if (limit.kind != LimitKind::kRate) return next;
  next.held_until = next.held_until + scene.upstream.unknown_hold + horizon(limit);
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

wire::Record line_of_edit(const Scene& scene, const ShardRecord& state, std::uint64_t before) {
  wire::Record line;
  line.record_id = edit_id_of(scene.upstream.name, state.edits, scene.now);
  line.kind = wire::RecordKind::kLimits;
  line.at = scene.now;
  line.upstream = scene.upstream.name;
  line.limits_version = state.limits_version;
  line.limits_before = before;
  line.limit_rows = wire::rows_of(scene.limits);
  line.reason = words_of_edit(state.by, scene.limits);
  return line;
}

bool holds(const std::vector<Limit>& limits, const ShardRecord& state) {
  return std::equal(limits.begin(), limits.end(), state.limits.begin(), state.limits.end(),
                    [](const Limit& a, const KnownLimit& b) { return a == b.limit; });
}

std::uint64_t version_of(const Upstream& upstream, const SetLimits& call) {
  return limits_version(upstream.name, call.limits.empty() ? upstream.limits : call.limits);
}

// Whether a person's edit is made from another version than the one that holds. To say once more
// what holds is none.
bool is_stale(const SetLimits& call, std::uint64_t version, const ShardRecord& state) {
  return !call.limits.empty() && call.instead_of != 0 && call.instead_of != state.limits_version &&
         version != state.limits_version;
}

bool takes_effect(const SetLimits& call, std::uint64_t version, const ShardRecord& state) {
  if (!call.limits.empty()) return !is_stale(call, version, state);
  return state.life.empty() || state.file_version != version;
}

void edit_limits(Scene& scene, const SetLimits& call, std::uint64_t before) {
  ShardRecord& state = scene.shard.edit_state();
  const auto matched = match(state.limits, scene.limits);
  keep_keys(scene, matched);
  std::vector<KnownLimit> next;
  for (std::size_t i = 0; i < scene.limits.size(); ++i) {
    next.push_back(matched[i] == nullptr ? added(scene, scene.limits[i])
                                         : changed(scene, *matched[i], scene.limits[i]));
  }
  state.limits = std::move(next);
  ++state.edits;
  state.by = wire::clip(call.by, kByMax);
  state.edited_at = scene.now;
  state.outbox.push_back(line_of_edit(scene, state, before));
  if (state.outbox.size() > kEditLinesMax) state.outbox.erase(state.outbox.begin());
}

// How long nothing is granted after the store may have forgotten: until every request that was
// under way has arrived, and W has passed. An arrival may be as late as its lease's end plus
// unknown_hold (A5), whether anybody will ever tell of it or not.
Duration quiet_after(const Scene& scene) {
  return scene.lease() + scene.upstream.unknown_hold + scene.config.store_overlap;
}

// The longest window that a closure waits for.
Duration closing_window(const Scene& scene) {
  Duration window;
  for (const Limit& limit : scene.limits) {
    if (limit.kind != LimitKind::kRate || limit.shadow) continue;
    window = std::max(window, std::min(limit.window, scene.config.close_max));
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

void close(Scene& scene, ShardRecord& state) {
  MARK("store: closed, as it may have forgotten");
  Duration guard;
  for (const Limit& limit : scene.limits) guard = std::max(guard, limit.guard);
  const StoreTime quiet = scene.now + quiet_after(scene);
  state.closed_until = std::max(state.closed_until, quiet + closing_window(scene) + guard);
  for (KnownLimit& known : state.limits) {
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
  close(scene, state);
}

const std::vector<Limit>& ruling(const Upstream& upstream, const ShardRecord& state,
                                 const Call& call, std::vector<Limit>& kept) {
  const auto* edit = std::get_if<SetLimits>(&call);
  if (edit != nullptr && takes_effect(*edit, version_of(upstream, *edit), state)) {
    return edit->limits.empty() ? upstream.limits : edit->limits;
  }
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
  const bool takes = takes_effect(call, version, before);
  if (call.limits.empty() && before.file_version != version) {
    scene.shard.edit_state().file_version = version;
  }
  if (takes) {
    const std::uint64_t old = before.limits_version;
    if (old != version) scene.shard.edit_state().limits_version = version;
    if (!holds(scene.limits, before)) {
      edit_limits(scene, call, old);
    } else if (before.by.empty()) {
      scene.shard.edit_state().by = wire::clip(call.by, kByMax);
      scene.shard.edit_state().edited_at = scene.now;
    }
  }
  return {stale, limits_of(scene.shard.state()), {}};
}

}  // namespace sluice::limiter
