// The spans that the shard rules by: the safer of what its limiters' settings say
// (docs/decisions/0030).
#include <algorithm>

#include "lib/base/mark.h"
#include "limiter/script_parts.h"

namespace sluice::limiter {

namespace {

constexpr Duration kHeardFor = hours(1);   // settings of a limiter that says nothing any more
constexpr std::size_t kInstancesMax = 64;  // whose limits are remembered

void remember(ShardRecord& state, SettingsSaid said) {
  std::erase_if(state.said, [&](const auto& one) { return one.instance == said.instance; });
  if (state.said.size() >= kInstancesMax) state.said.erase(state.said.begin());
  state.said.push_back(std::move(said));
}

Spans wanted_by(const ShardRecord& state, StoreTime now) {
  Spans wanted = state.said.back().spans;
  for (const SettingsSaid& one : state.said) {
    if (one.at + kHeardFor > now) wanted = safer(wanted, one.spans);
  }
  return wanted;
}

// What ended unknown counts longer from now on. Slots that it would count by may be gone already.
void hold_longer(Scene& scene, Duration longer) {
  ShardRecord& state = scene.shard.edit_state();
  Duration horizon;
  for (const KnownLimit& known : state.limits) {
    horizon = std::max(horizon, scene.meter(known.limit).horizon());
  }
  keep_keys(scene, longer, horizon);
  const StoreTime until = state.stretched > kKeySlack ? state.keys_until : scene.now + longer;
  for (KnownLimit& known : state.limits) {
    if (known.limit.kind != LimitKind::kRate) continue;
    known.held = kHeldFull;
    known.held_until = std::max(known.held_until, until);
  }
}

// Attempts start by the new spans at once. What was granted by longer ones may arrive until the
// tail: so long nothing counts shorter, and a closure waits for it. And what the store forgot may
// have been granted by the longer ones of now.
void rule_by(Scene& scene, const Spans& wanted) {
  ShardRecord& state = scene.shard.edit_state();
  const Spans before = state.spans;
  const std::uint64_t version = spans_version(wanted);
  const bool shorter = wanted.lease() < before.lease() ||
                       wanted.unknown_hold < before.unknown_hold ||
                       wanted.store_overlap < before.store_overlap;
  if (version != state.spans_version && shorter) {
    MARK("store: shorter spans");
    state.tail = std::max(state.tail, scene.now + before.arrival());
  }
  state.spans_version = version;
  state.spans = wanted;
  if (state.tail > scene.now) {
    state.spans.unknown_hold = std::max(wanted.unknown_hold, before.unknown_hold);
    state.spans.store_overlap = std::max(wanted.store_overlap, before.store_overlap);
  }
  if (state.life.empty()) return;
  const Duration longer = state.spans.unknown_hold - before.unknown_hold;
  if (longer.us > 0) hold_longer(scene, longer);
  const Duration reach = state.spans.arrival() + state.spans.store_overlap;
  if (state.opened_at.us != 0 && reach > before.arrival() + before.store_overlap) {
    close(scene, ClosedBy::kSpans, state.opened_at);
  }
}

}  // namespace

void hear_settings(Scene& scene, const StoreConfig& config, const SetLimits& call) {
  const std::uint64_t version = version_of(scene.upstream, call);
  ShardRecord& state = scene.shard.edit_state();
  remember(state, {config.instance, version, scene.now, spans_of(config, scene.upstream)});
  rule_by(scene, wanted_by(state, scene.now));
  fit_clock_error(scene);
}

// Whatever settings say, a shard believes no clock that its limits' guards do not cover.
void fit_clock_error(Scene& scene) {
  Duration& error = scene.shard.edit_state().spans.clock_error_max;
  for (const Limit& limit : scene.limits) {
    if (limit.kind != LimitKind::kRate) continue;
    error = std::min(error, microseconds(std::max<std::int64_t>(0, (limit.guard.us - 1'000) / 2)));
  }
}

// Those of before that may be gone when they are needed for more than kKeySlack longer, all told.
void keep_keys(Scene& scene, Duration longer, Duration horizon) {
  ShardRecord& state = scene.shard.edit_state();
  if (state.keys_until <= scene.now) state.keys_since = scene.now, state.stretched = {};
  state.stretched += longer;
  state.keys_until = std::max(state.keys_until, scene.now + state.spans.arrival() + horizon);
}

}  // namespace sluice::limiter
