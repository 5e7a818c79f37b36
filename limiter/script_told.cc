// What others say of a key's budget: how much is left (the upstream), what was sent elsewhere
// (people).
#include <algorithm>

#include "lib/wire/valid.h"
#include "limiter/script_parts.h"
#include "limiter/trail_line.h"

namespace sluice::limiter {

namespace {

const std::string kWhole;
constexpr Duration kToldMax = hours(24 * 31);  // an upstream's word is not believed for longer

bool rules(const Limit& limit, LimitScope scope) {
  return limit.kind == LimitKind::kRate && !limit.shadow && limit.scope == scope;
}

}  // namespace

const std::string& Scene::told_owner(const std::string& key) const {
  const bool per_key = std::any_of(limits.begin(), limits.end(), [](const Limit& limit) {
    return rules(limit, LimitScope::kKey);
  });
  return per_key ? key : kWhole;
}

// What is still open may be on its way, and not counted by the upstream yet.
void tell(Scene& scene, const std::string& key, const wire::Outcome& outcome) {
  if (!outcome.quota_told) return;
  const std::string owner = scene.told_owner(key);
  std::uint64_t open = 0;
  for (const Limit& limit : scene.limits) {
    if (!rules(limit, owner.empty() ? LimitScope::kUpstream : LimitScope::kKey)) continue;
    std::uint64_t units = 0;
    for (const Slot& slot : scene.log(limit, key).slots) units += slot.open ? slot.units : 0;
    open = std::max(open, units);
  }
  Told told;
  told.at = scene.now;
  told.until = scene.from + std::clamp(outcome.quota_reset, Duration{0}, kToldMax);
  told.left = static_cast<std::uint32_t>(outcome.quota_left -
                                         std::min<std::uint64_t>(outcome.quota_left, open));
  scene.edit_key(owner).told = told;
  scene.refresh_idle(owner);
}

std::vector<wire::Record> consume(Scene& scene, const Consume& call) {
  if (const MessageRecord* known = scene.message(call.id)) return known->outbox;
  const StoreTime latest = std::max(scene.now, call.caller.bounds.high);
  const StoreTime at = call.at.us == 0 || call.at > scene.now ? latest : call.at;
  for (const Limit& limit : scene.limits) {
    if (limit.kind != LimitKind::kRate) continue;
    if (call.key.empty() && limit.scope == LimitScope::kKey) continue;
    LimitLog& log = scene.edit_log(limit, call.key);
    scene.meter(limit).prune(log, scene.now);
    const std::int64_t room = std::int64_t{limit.n} - call.units;
    if (scene.meter(limit).falls_to(log, room, scene.now) > scene.now) scene.went_over(limit);
    scene.meter(limit).charge(log, {call.id, 1}, call.units, at);
    scene.refresh_idle(Scene::owner(limit, call.key));
  }
  MessageRecord& record = scene.edit_message(call.id);
  record.line.identity = call.id;
  record.line.key = call.key;
  record.line.upstream = call.upstream;
  record.stage = Stage::kSettled;
  record.cost = call.units;
  record.end.at = scene.now;
  record.end.reason = kConsumed;
  wire::Record line = line_of(record, wire::RecordKind::kConsume, scene.now);
  line.completed_at = at;
  line.reason = "by " + wire::clip(call.by, kByMax);
  line.limits_version = scene.shard.state().limits_version;
  record.outbox.push_back(std::move(line));
  return record.outbox;
}

}  // namespace sluice::limiter
