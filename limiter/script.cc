#include "limiter/script.h"

#include <algorithm>
#include <variant>

#include "lib/base/check.h"
#include "lib/base/mark.h"
#include "limiter/script_parts.h"

namespace sluice::limiter {

namespace {

constexpr std::size_t kSureLivesMax = 64;

const std::string kNobody;

const Caller* caller_of(const Call& call) {
  if (const auto* grant = std::get_if<Grant>(&call)) return &grant->caller;
  if (const auto* complete = std::get_if<Complete>(&call)) return &complete->caller;
  if (const auto* clock = std::get_if<AskClock>(&call)) return &clock->caller;
  return nullptr;
}

// How long nothing is granted after the store may have forgotten: until every request that was
// under way has arrived, and W has passed. An arrival may be as late as its lease's end plus
// unknown_hold (A5), whether anybody will ever tell of it or not.
Duration closure(const Scene& scene) {
  Duration window, guard;
  for (const Limit& limit : scene.upstream.limits) {
    window = std::max(window, std::min(limit.window, scene.config.close_max));
    guard = std::max(guard, limit.guard);
  }
  return window + guard + scene.lease() + scene.upstream.unknown_hold + scene.config.store_overlap;
}

void close(Scene& scene, ShardRecord& state) {
  MARK("store: closed, as it may have forgotten");
  state.closed_until = std::max(state.closed_until, scene.now + closure(scene));
  const StoreTime quiet =
      scene.now + scene.lease() + scene.upstream.unknown_hold + scene.config.store_overlap;
  for (Coverage& coverage : state.coverage) {
    coverage.complete_from = std::max(coverage.complete_from, quiet);
  }
}

// A limit that is new, or whose window grew, has logs that miss what they never had to keep: it
// counts as full until they reach back far enough (design 4.1, edits). A fresh shard misses
// nothing.
void cover(Scene& scene, bool fresh) {
  const auto gone = [&](const Coverage& coverage) {
    return std::none_of(scene.upstream.limits.begin(), scene.upstream.limits.end(),
                        [&](const Limit& limit) { return limit.name == coverage.limit; });
  };
  const auto& kept = scene.shard.state().coverage;
  if (std::any_of(kept.begin(), kept.end(), gone)) {  // nothing was counted while it was away
    std::erase_if(scene.shard.edit_state().coverage, gone);
  }
  for (const Limit& limit : scene.upstream.limits) {
    const Duration horizon = scene.meter(limit).horizon();
    const auto& known = scene.shard.state().coverage;
    const auto same = [&](const Coverage& coverage) { return coverage.limit == limit.name; };
    const auto at = std::find_if(known.begin(), known.end(), same);
    if (at != known.end() && at->horizon == horizon) continue;
    auto& edited = scene.shard.edit_state().coverage;
    const auto place = std::find_if(edited.begin(), edited.end(), same);
    if (place == edited.end()) {
      edited.push_back({limit.name, horizon, fresh ? StoreTime{} : scene.now});
    } else {
      if (horizon > place->horizon) place->complete_from = scene.now;
      place->horizon = horizon;
    }
  }
}

// Another life than the shard's last: whatever this store says, it may have forgotten.
void meet_life(Scene& scene, const Moment& moment) {
  const bool first = scene.shard.state().life.empty();
  const bool fresh = first && moment.fresh;
  if (first || scene.shard.state().life != moment.life) {
    scene.shard.edit_state().life = moment.life;
    cover(scene, fresh);
    if (fresh) return;
    ShardRecord& state = scene.shard.edit_state();
    state.opened_at = scene.now;
    close(scene, state);
  }
  cover(scene, fresh);
}

void remember_sure(ShardRecord& state, std::uint64_t life) {
  if (!state.sure_lives.empty() && state.sure_lives.back() == life) return;
  std::erase(state.sure_lives, life);
  if (state.sure_lives.size() >= kSureLivesMax) state.sure_lives.erase(state.sure_lives.begin());
  state.sure_lives.push_back(life);
}

// Compares the clock with what the caller knows. Too high may mean no more than that the call was
// long under way: it is refused, and its caller, which knows when it left, judges. Too low cannot
// be lateness: the clock stepped back. A caller that knew store time and now knows nothing has seen
// a contradiction: the clock stepped, whichever way.
void meet_caller(Scene& scene, const Moment& moment, const Caller& caller) {
  ShardRecord& state = scene.shard.edit_state();
  const Duration error = scene.config.clock_error_max;
  scene.unsure = true;
  if (caller.bounds.high.us == 0) {
    if (std::erase(state.sure_lives, caller.life) > 0) {
      MARK("store: a caller has seen the clock contradict itself");
      close(scene, state);
    }
  } else if (scene.now + error < caller.bounds.low) {
    scene.now = std::max(state.last, caller.bounds.low);
    MARK("store: its clock went back");
    state.offset = scene.now - moment.time;
    close(scene, state);
  } else if (scene.now <= caller.bounds.high + error) {
    scene.unsure = false;
    remember_sure(state, caller.life);
  }
  state.last = scene.now;
}

PeekReply peek(Scene& scene, const Peek& call) {
  PeekReply reply;
  for (const std::string& key : call.keys) {
    KeyState state;
    for (const Limit& limit : scene.upstream.limits) {
      state.logs.push_back(scene.log(limit, key));
      scene.meter(limit).prune(state.logs.back(), scene.now);
    }
    for (const std::string* owner : {&key, &kNobody}) {
      const KeyRecord* record = scene.key(*owner);
      if (record == nullptr) continue;
      for (const wire::Hold& hold : record->holds) {
        if (hold.until.us == 0 || hold.until > scene.now) state.holds.push_back(hold);
      }
    }
    const StoreTime closed = scene.shard.state().closed_until;
    state.closed_until = closed > scene.now ? closed : StoreTime{};
    reply.keys.push_back(std::move(state));
  }
  return reply;
}

void set_hold(Scene& scene, const SetHold& call) {
  auto& holds = scene.edit_key(call.key).holds;
  std::erase_if(holds, [&](const wire::Hold& hold) {
    // A person who opens a key opens also what only a person can open.
    return hold.kind == call.hold.kind || (!call.closed && hold.until.us == 0);
  });
  if (call.closed) holds.push_back(call.hold);
  scene.refresh_idle(call.key);
}

// What has ended, is in the trail, and awaits no outcome: the store only has to know its end.
void keep_the_end_only(MessageRecord& record) {
  if (record.stage != Stage::kSettled || !record.outbox.empty() || !record.given_up.empty()) return;
  wire::Record rest;
  rest.identity = std::move(record.line.identity);
  rest.content_hash = std::move(record.line.content_hash);
  rest.key = std::move(record.line.key);
  rest.upstream = std::move(record.line.upstream);
  record.line = std::move(rest);
}

void emptied(Scene& scene, const Emptied& call) {
  for (const Emptied::Line& line : call.lines) {
    if (scene.message(line.identity) == nullptr) continue;
    MessageRecord& record = scene.edit_message(line.identity);
    std::erase_if(record.outbox,
                  [&](const wire::Record& said) { return said.record_id == line.record_id; });
    keep_the_end_only(record);
  }
}

// What has not ended is not forgotten, whoever says so.
void forget(Scene& scene, const Forget& call) {
  const StoreTime until = scene.now + scene.config.record_min;
  for (const std::string& identity : call.identities) {
    const MessageRecord* known = scene.message(identity);
    if (known == nullptr || known->stage != Stage::kSettled || known->purge_at <= until) continue;
    scene.edit_message(identity).purge_at = until;
  }
}

struct Perform {
  Scene& scene;
  Answer operator()(const Grant& call) { return grant(scene, call); }
  Answer operator()(const Complete& call) { return complete(scene, call); }
  Answer operator()(const Emptied& call) { return emptied(scene, call), acknowledged(); }
  Answer operator()(const Forget& call) { return forget(scene, call), acknowledged(); }
  Answer operator()(const SetHold& call) { return set_hold(scene, call), acknowledged(); }
  Answer operator()(const Peek& call) { return peek(scene, call); }
  Answer operator()(const AskClock&) { return acknowledged(); }

  Acknowledged acknowledged() {
    const StoreTime closed = scene.shard.state().closed_until;
    return {closed > scene.now ? closed : StoreTime{}};
  }
};

}  // namespace

const std::string& upstream_of(const Call& call) {
  if (const auto* grant = std::get_if<Grant>(&call)) {
    return grant->asks.empty() ? kNobody : grant->asks.front().line.upstream;
  }
  if (const auto* complete = std::get_if<Complete>(&call)) {
    return complete->completions.empty() ? kNobody : complete->completions.front().outcome.upstream;
  }
  if (const auto* emptied = std::get_if<Emptied>(&call)) return emptied->upstream;
  if (const auto* forget = std::get_if<Forget>(&call)) return forget->upstream;
  if (const auto* hold = std::get_if<SetHold>(&call)) return hold->upstream;
  if (const auto* peek = std::get_if<Peek>(&call)) return peek->upstream;
  const auto* clock = std::get_if<AskClock>(&call);
  return clock == nullptr ? kNobody : clock->upstream;
}

const Upstream* find_upstream(const StoreConfig& config, const std::string& name) {
  const auto at = std::find_if(config.upstreams.begin(), config.upstreams.end(),
                               [&](const Upstream& upstream) { return upstream.name == name; });
  return at == config.upstreams.end() ? nullptr : &*at;
}

Scripted perform(const StoreConfig& config, StoreShard& shard, const Moment& moment,
                 const Call& call) {
  const Upstream* upstream = find_upstream(config, upstream_of(call));
  CHECK(upstream != nullptr);
  Scene scene{config, *upstream, shard};
  const ShardRecord& state = shard.state();
  scene.now = std::max(state.last, moment.time + state.offset);
  meet_life(scene, moment);
  const Caller* caller = caller_of(call);
  if (caller != nullptr) meet_caller(scene, moment, *caller);
  Answer answer = std::visit(Perform{scene}, call);
  return {std::move(answer), caller != nullptr ? scene.now : StoreTime{}};
}

}  // namespace sluice::limiter
