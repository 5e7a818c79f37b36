// An upstream's limits: which hold, the store knows. Whoever is told that others hold than it knows
// asks for them and takes them; what a person says goes to the store.
#include <algorithm>
#include <utility>

#include "lib/base/mark.h"
#include "lib/wire/limits.h"
#include "limiter/core.h"
#include "limiter/limit_trouble.h"
#include "limiter/script.h"
#include "limiter/trail_line.h"

namespace sluice::limiter {

std::uint64_t LimiterCore::limits_version(const std::string& upstream) const {
  const auto shard = shards_.find(upstream);
  return shard == shards_.end() ? 0 : shard->second.limits_version;
}

void LimiterCore::control_limits(const wire::Control& control, wire::PeerId peer,
                                 const Turn& turn) {
  const bool edits = control.verb == wire::Verb::kEditLimits;
  auto limits = wire::limits_of(control.limit_rows);
  if (edits) {
    if (auto trouble = trouble_of(limits, config_.guard_min)) {
      wire::Controlled no{control.control_id, false, trouble->why};
      no.field = std::move(trouble->field);
      return send(peer, std::move(no), turn);
    }
    if (is_off_record(control, peer, turn)) return;
  }
  const std::uint64_t asker = ++last_asker_;
  limits_asked_[asker] = {peer, control.control_id, turn.now + config_.store_again * 2, {}};
  if (!edits) return say(AskLimits{control.upstream, asker}, turn);
  say(SetLimits{control.upstream, control.by, std::move(limits), control.limits_version, asker},
      turn);
}

// It is not said again: others may have edited them since.
void LimiterCore::limits_unheard(std::uint64_t asker, const Turn& turn) {
  const auto asked = limits_asked_.extract(asker);
  if (asked.empty()) return;
  MARK("limiter: nobody knows whether an edit holds");
  controlled(asked.mapped().peer, asked.mapped().control_id, "the store has not answered", turn);
}

void LimiterCore::hear_version(const std::string& upstream, std::uint64_t version,
                               const Turn& turn) {
  Shard* shard = shard_of(upstream);
  if (shard == nullptr || version == 0 || version == shard->limits_version) return;
  if (!std::exchange(shard->limits_asked, true)) say(AskLimits{upstream}, turn);
}

void LimiterCore::hear_limits(const Call& call, const LimitsReply& reply, const Turn& turn) {
  adopt(upstream_of(call), reply.limits, turn);
  const auto* edit = std::get_if<SetLimits>(&call);
  const auto* ask = std::get_if<AskLimits>(&call);
  const auto asked = limits_asked_.extract(edit != nullptr  ? edit->asker
                                           : ask != nullptr ? ask->asker
                                                            : 0);
  if (asked.empty()) return;
  wire::Controlled answer{asked.mapped().control_id, !reply.stale,
                          reply.stale ? "another version holds" : ""};
  answer.stale = reply.stale;
  answer.limits_version = reply.limits.version;
  answer.limit_rows = wire::rows_of(reply.limits.limits);
  answer.by = reply.limits.by;
  answer.at = reply.limits.at;
  send(asked.mapped().peer, std::move(answer), turn);
}

// No edit: nothing is replaced by it (limits_before is 0), and its id is the same each time.
// Whoever knows these limits answers, and writes no line.
void LimiterCore::say_limits(const Turn& turn) {
  for (const LimitsOut::Who& who : limits_out_.due(turn.now, config_.record_again)) {
    const Shard* shard = shard_of(who.upstream);
    if (shard == nullptr) continue;
    wire::Record line;
    line.record_id = held_id_of(who.upstream, shard->limits_version);
    line.kind = wire::RecordKind::kLimits;
    line.at = shard->limits_at;
    if (line.at.us == 0) {  // a shard that was made of its settings does not say since when
      if (const auto known = bounds(turn.now)) line.at = known->low;
    }
    line.upstream = who.upstream;
    line.limits_version = shard->limits_version;
    line.limit_rows = wire::rows_of(shard->upstream->limits);
    line.reason = "these hold";
    limits_out_.said(who, line.record_id, turn.now);
    send(who.auditor, std::move(line), turn);
  }
}

}  // namespace sluice::limiter
