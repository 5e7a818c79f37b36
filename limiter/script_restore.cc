// Arrivals that the trail proves, in a store that may have forgotten them (design 4.4): a limit's
// log comes to count at least as much as the trail does, at every time from now on.
#include <algorithm>
#include <utility>

#include "lib/base/mark.h"
#include "lib/wire/limits.h"
#include "lib/wire/valid.h"
#include "limiter/script_parts.h"
#include "limiter/trail_line.h"

namespace sluice::limiter {

namespace {

// What has arrived, by when it counts from, the latest first. Slots that are open are in no trail.
std::vector<Arrived> known_in(const LimitLog& log) {
  std::vector<Arrived> known;
  for (const Slot& slot : log.slots) {
    if (!slot.open) known.push_back({slot.at, slot.units});
  }
  for (const SubWindow& one : log.counted) known.push_back({one.end, one.units});
  std::sort(known.begin(), known.end(),
            [](const Arrived& a, const Arrived& b) { return a.at > b.at; });
  return known;
}

void restore_log(Scene& scene, const Limit& limit, const Restore::Log& said) {
  const Meter meter = scene.meter(limit);
  LimitLog& log = scene.edit_log(limit, said.key);
  meter.prune(log, scene.now);
  const std::vector<Arrived> known = known_in(log);
  std::uint64_t units = 0, have = 0;
  std::size_t next = 0;
  for (const Arrived& one : said.arrived) {
    const StoreTime from = meter.counted_from(one.at);
    if (from + meter.horizon() <= scene.now) break;
    units += one.units;
    for (; next < known.size() && known[next].at >= from; ++next) have += known[next].units;
    if (units <= have) continue;
    meter.arrived(log, static_cast<std::uint32_t>(std::min<std::uint64_t>(units - have, kHeldFull)),
                  one.at);
    have = units;
  }
  scene.refresh_idle(Scene::owner(limit, said.key));
}

// Whether it changed anything.
bool lift(Scene& scene, const Restore& call) {
  ShardRecord& state = scene.shard.edit_state();
  bool lifted = false;
  for (std::size_t i = 0; i < state.limits.size() && i < call.held.size(); ++i) {
    KnownLimit& known = state.limits[i];
    if (known.limit.kind != LimitKind::kRate || known.held_until <= scene.now) continue;
    if (call.held[i] >= known.held) continue;
    MARK("store: a person lifts what a closure holds");
    known.held = call.held[i];
    known.since = scene.now;  // what went before may have gone by other limits
    lifted = true;
  }
  return lifted;
}

}  // namespace

LimitsReply restore(Scene& scene, const Restore& call) {
  const ShardRecord& state = scene.shard.state();
  const bool stale =
      call.limits_version != state.limits_version || call.closed_until != state.closed_until;
  if (stale) return {true, limits_of(state), {}};
  for (const Restore::Log& log : call.logs) {
    if (log.limit >= scene.limits.size()) continue;
    const Limit& limit = scene.limits[log.limit];
    const bool its = limit.scope == LimitScope::kUpstream || !log.key.empty();
    if (its && limit.kind == LimitKind::kRate) restore_log(scene, limit, log);
  }
  if (!call.held.empty() && lift(scene, call))
    say_edit(scene, scene.shard.state().limits_version,
             words_of_restore(wire::clip(call.by, kByMax), call.held));
  return {false, limits_of(scene.shard.state()), {}};
}

}  // namespace sluice::limiter
