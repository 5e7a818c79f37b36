#include "limiter/script.h"

#include <algorithm>
#include <variant>

#include "lib/base/check.h"
#include "lib/base/mark.h"
#include "lib/wire/words.h"
#include "limiter/script_parts.h"

namespace sluice::limiter {

namespace {

const std::string kNobody;

const Caller* caller_of(const Call& call) {
  if (const auto* grant = std::get_if<Grant>(&call)) return &grant->caller;
  if (const auto* complete = std::get_if<Complete>(&call)) return &complete->caller;
  if (const auto* clock = std::get_if<AskClock>(&call)) return &clock->caller;
  if (const auto* consume = std::get_if<Consume>(&call)) return &consume->caller;
  return nullptr;
}

// Compares the clock with what the caller knows of store time. While they do not agree nothing is
// granted, and store time goes no further than the caller knows that it is: a clock that was off
// for a moment leaves no trace. When its caller has found it off for a while, the clock has
// stepped, whichever way, and the shard closes.
void meet_caller(Scene& scene, const Moment& moment, const Caller& caller) {
  scene.unsure = true;
  const StoreTime low = caller.bounds.low, high = caller.bounds.high;
  if (high.us == 0 && !caller.doubted) return;
  ShardRecord& state = scene.shard.edit_state();
  const Duration error = scene.spans().clock_error_max;
  const auto is_off = [=](StoreTime time) { return time + error < low || time > high + error; };
  const StoreTime right = std::max(state.last, std::max(low, std::min(high, moment.time)));
  if (is_off(scene.now) && state.offset.us != 0 && !is_off(moment.time) && !is_off(right)) {
    MARK("store: its clock is right again");
    state.offset = std::max(low, std::min(high, moment.time)) - moment.time;
    scene.now = right;
  }
  scene.clock = scene.now;
  if (caller.doubted && (scene.now < low || scene.now > high)) {
    const ClosedBy why = scene.now < low ? ClosedBy::kBack : ClosedBy::kContradicted;
    if (high.us != 0 && is_off(scene.now)) {
      MARK("store: its clock has stepped");
      state.offset = low - moment.time;
      scene.now = scene.clock = std::max(state.last, low);
    }
    close(scene, why);
  } else if (is_off(scene.now)) {
    MARK("store: its clock is off");
    scene.now = std::max(state.last, std::min(scene.now, high));
  } else {
    scene.unsure = false;
  }
  state.last = scene.now;
  scene.from = scene.unsure ? std::max(scene.now, high) : scene.now;
}

// Of these callers nobody says whether the clock is right: no key is idle, and no limit's log knows
// enough, that did not when somebody said so, or when the store may have forgotten.
StoreTime believed(const Scene& scene, const Call& call) {
  const ShardRecord& state = scene.shard.state();
  if (std::holds_alternative<SetHold>(call)) return state.last;
  const bool edits = std::holds_alternative<SetLimits>(call);
  if (state.last.us == 0 || (!edits && !std::holds_alternative<Restore>(call))) return scene.now;
  return std::max(state.last, state.opened_at);
}

// Sub-windows are shown as slots that were completed at their ends.
LimitLog shown(LimitLog log) {
  for (const SubWindow& one : log.counted) {
    log.slots.push_back({{}, false, one.units, one.end, one.end});
  }
  log.counted.clear();
  return log;
}

KeyState peek_one(Scene& scene, const std::string& key) {
  KeyState state;
  for (const Limit& limit : scene.limits) {
    LimitLog log = scene.log(limit, key);
    scene.meter(limit).prune(log, scene.now);
    state.logs.push_back(shown(std::move(log)));
    state.limits.push_back(scene.tightened(limit, key));
  }
  for (const std::string* owner : {&key, &kNobody}) {
    const KeyRecord* record = scene.key(*owner);
    if (record == nullptr) continue;
    for (const wire::Hold& hold : record->holds) {
      if (hold.until.us == 0 || hold.until > scene.now) state.holds.push_back(hold);
    }
  }
  state.closed_until = scene.opens_at(key) > scene.now ? scene.opens_at(key) : StoreTime{};
  state.in_flight = scene.in_flight(key);
  const KeyRecord* record = scene.key(key);
  state.one_at_a_time = record != nullptr && record->penalties > 0;
  for (std::size_t i = 0; record != nullptr && i < record->open.size(); ++i) {
    const StoreTime lease_end = record->open[i].lease_end;
    if (lease_end > scene.now) state.open.push_back(lease_end - scene.spans().lease());
  }
  const KeyRecord* told = scene.key(scene.told_owner(key));
  if (told != nullptr && told->told.until > scene.now) {
    state.told_until = told->told.until;
    state.told_left = told->told.left;
  }
  return state;
}

PeekReply peek(Scene& scene, const Peek& call) {
  PeekReply reply;
  reply.latency = scene.shard.state().latency;
  for (const std::string& key : call.keys) reply.keys.push_back(peek_one(scene, key));
  return reply;
}

// Takes the place of an earlier word. When the later one was said that stands instead; 0: none.
Acknowledged set_hold(Scene& scene, const SetHold& call, Acknowledged answer) {
  auto& holds = scene.edit_key(call.key).holds;
  bool stands = false;
  std::erase_if(holds, [&](const wire::Hold& hold) {
    const bool same = hold.kind == call.hold.kind;
    // A person who opens a key opens also what only a person can open.
    if (!same && (call.closed || hold.until.us != 0)) return false;
    if (!wire::is_later(hold, call.hold)) return true;
    if (hold.said_at > answer.later_word) {
      answer.later_word = hold.said_at;
      answer.later_by = hold.by;
    }
    stands = stands || same;
    return false;
  });
  if (call.closed && !stands) holds.push_back(call.hold);
  scene.refresh_idle(call.key);
  return answer;
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
    const auto same = [&](const wire::Record& said) { return said.record_id == line.record_id; };
    if (line.identity.empty()) {  // the shard's own
      const auto& outbox = scene.shard.state().outbox;
      if (std::none_of(outbox.begin(), outbox.end(), same)) continue;
      std::erase_if(scene.shard.edit_state().outbox, same);
      continue;
    }
    if (scene.message(line.identity) == nullptr) continue;
    MessageRecord& record = scene.edit_message(line.identity);
    std::erase_if(record.outbox, same);
    keep_the_end_only(record);
    // Sends made elsewhere: nobody will ever say Forget.
    if (record.serial == 0 && record.outbox.empty() && record.end.reason == kConsumed) {
      record.purge_at = std::min(record.purge_at, scene.now + scene.spans().record_min);
    }
  }
}

// What has not ended is not forgotten, whoever says so.
void forget(Scene& scene, const Forget& call) {
  const StoreTime until = scene.now + scene.spans().record_min;
  for (const std::string& identity : call.identities) {
    const MessageRecord* known = scene.message(identity);
    if (known == nullptr || known->stage != Stage::kSettled || known->purge_at <= until) continue;
    MessageRecord& record = scene.edit_message(identity);
    record.purge_at = until;
    record.end.answer.clear();
  }
}

struct Perform {
  Scene& scene;
  Answer operator()(const Grant& call) { return grant(scene, call); }
  Answer operator()(const Complete& call) { return complete(scene, call); }
  Answer operator()(const Emptied& call) { return emptied(scene, call), acknowledged(); }
  Answer operator()(const Forget& call) { return forget(scene, call), acknowledged(); }
  Answer operator()(const SetHold& call) { return set_hold(scene, call, acknowledged()); }
  Answer operator()(const Peek& call) { return peek(scene, call); }
  Answer operator()(const AskClock&) { return acknowledged(); }
  Answer operator()(const Consume& call) {
    auto lines = consume(scene, call);
    Acknowledged answer = acknowledged();
    answer.outbox.insert(answer.outbox.end(), lines.begin(), lines.end());
    return answer;
  }
  Answer operator()(const SetLimits& call) {
    LimitsReply reply = set_limits(scene, call);
    reply.shard = acknowledged();
    return reply;
  }
  Answer operator()(const Restore& call) {
    LimitsReply reply = restore(scene, call);
    reply.shard = acknowledged();
    return reply;
  }
  Answer operator()(const AskLimits&) {
    return LimitsReply{false, limits_of(scene.shard.state()), acknowledged(), {}};
  }

  Acknowledged acknowledged() {
    const ShardRecord& state = scene.shard.state();
    const Duration ahead = scene.clock - scene.time;
    return {state.closed_until, state.latency, state.outbox, state.closed_by, {}, ahead};
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
  if (const auto* consume = std::get_if<Consume>(&call)) return consume->upstream;
  if (const auto* limits = std::get_if<SetLimits>(&call)) return limits->upstream;
  if (const auto* limits = std::get_if<AskLimits>(&call)) return limits->upstream;
  if (const auto* restored = std::get_if<Restore>(&call)) return restored->upstream;
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
  const ShardRecord& state = shard.state();
  const auto* edit = std::get_if<SetLimits>(&call);
  const bool tells = edit != nullptr && edit->limits.empty();
  const bool other = moment.spans_version != 0 && moment.spans_version != state.spans_version;
  if (!tells && (state.life.empty() || other)) {
    MARK("store: a caller's settings are to be told");
    return {StoreFailed{"the shard was not told these settings"}, {}, 0, 0, true};
  }
  std::vector<Limit> kept;
  const bool takes = edit != nullptr && takes_effect(config, state, *edit);
  Scene scene{*upstream, shard, ruling(*upstream, state, takes ? edit : nullptr, kept)};
  scene.takes = takes;
  scene.time = moment.time;
  scene.now = scene.clock = scene.from = std::max(state.last, moment.time + state.offset);
  if (tells) hear_settings(scene, config, *edit);
  meet_life(scene, moment);
  const Caller* caller = caller_of(call);
  if (caller != nullptr) meet_caller(scene, moment, *caller);
  if (caller == nullptr) scene.now = believed(scene, call);
  Answer answer = std::visit(Perform{scene}, call);
  return {std::move(answer), caller != nullptr ? scene.clock : StoreTime{},
          shard.state().limits_version, shard.state().spans_version};
}

Scripted perform_told(const StoreCaller& caller, StoreShard& shard, Moment moment,
                      const Call& call) {
  Telling& telling = caller.telling;
  for (;;) {
    if (telling.due(moment.time.us)) {
      const SetLimits tell{upstream_of(call), caller.by, {}, 0, 0, {}, telling.told()};
      telling.heard(perform(caller.config, shard, moment, tell).spans_version, moment.time.us);
    }
    moment.spans_version = telling.spans_version();
    Scripted scripted = perform(caller.config, shard, moment, call);
    if (!scripted.untold) return scripted;
    telling.tell_again();
  }
}

}  // namespace sluice::limiter
