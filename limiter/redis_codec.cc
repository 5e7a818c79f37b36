#include "limiter/redis_codec.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/wire/identity.h"
#include "lib/wire/valid.h"
#include "limiter/redis_bytes.h"
#include "limiter/redis_lines.h"
#include "limiter/trail_line.h"

namespace sluice::limiter {

namespace {

constexpr std::size_t kByMax = 200;        // bytes of who says so
constexpr std::size_t kInstanceMax = 255;  // bytes of a limiter's name

// The keys of one command: the shard's state, the upstream's record, then those of keys, then those
// of messages, each once.
class Keys {
 public:
  explicit Keys(const std::string& upstream) : tag_("{sluice:" + upstream + "}") {}

  // Their places among KEYS, counted from 1; a message's is known only after all keys were named.
  std::size_t key(const std::string& name) {
    if (name.empty()) return 2;
    return 3 + place(keys_, key_places_, name);
  }
  std::size_t message(const std::string& identity) {
    return 3 + keys_.size() + place(messages_, message_places_, identity);
  }
  [[nodiscard]] std::size_t keys() const { return keys_.size(); }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names{tag_, tag_ + ":k:"};
    names.reserve(2 + keys_.size() + messages_.size());
    for (const std::string* key : keys_) names.push_back(tag_ + ":k:" + *key);
    for (const std::string* message : messages_) names.push_back(tag_ + ":m:" + *message);
    return names;
  }

 private:
  using Places = std::map<std::string, std::size_t, std::less<>>;
  static std::size_t place(std::vector<const std::string*>& names, Places& places,
                           const std::string& name) {
    const auto [at, is_new] = places.emplace(name, names.size());
    if (is_new) names.push_back(&at->first);
    return at->second;
  }
  std::string tag_;
  std::vector<const std::string*> keys_, messages_;
  Places key_places_, message_places_;
};

// The first argument (lua/prelude.lua).
std::string header(const RedisSaid& said, const Caller* caller, std::size_t keys) {
  constexpr std::size_t kLife = 40;
  const bool named = said.life.size() == kLife;
  const bool doubted = caller != nullptr && caller->doubted;
  const unsigned flags = (said.fresh ? 1U : 0U) + (named ? 2U : 0U) +
                         (caller != nullptr ? 4U : 0U) + (doubted ? 8U : 0U);
  const Caller nobody;
  if (caller == nullptr) caller = &nobody;
  RedisPacker pack;
  pack.u8(flags).raw(named ? said.life : std::string(kLife, '\0')).u64(caller->life);
  pack.time(caller->bounds.low).time(caller->bounds.high).time(caller->ask_by);
  return pack.u64(caller->limits_version).u32(keys).u64(said.spans_version).take();
}

struct Builder {
  const RedisSaid& said;
  Keys keys;
  std::vector<std::string> args{std::string()};

  Builder(const RedisSaid& heard, const std::string& upstream) : said(heard), keys(upstream) {}
  RedisCommand command(RedisScript script, const Caller* caller) {
    args[0] = header(said, caller, keys.keys());
    return {script, keys.names(), std::move(args)};
  }
};

std::string ask_bytes(Keys& keys, const GrantAsk& ask, bool is_conflict) {
  const std::string identity =
      is_conflict ? wire::conflict_identity_of(ask.line.identity, ask.line.content_hash)
                  : ask.line.identity;
  RedisPacker pack;
  pack.u32(keys.key(ask.line.key)).u32(keys.message(identity));
  pack.u8((ask.offered_before ? 1U : 0U) + (ask.cancelled ? 2U : 0U) + (ask.keep_answer ? 4U : 0U) +
          (is_conflict ? 8U : 0U));
  pack.u32(ask.cost).u32(ask.attempts).u32(ask.throttles).time(ask.first_seen).time(ask.not_before);
  const std::string blob = blob_of(ask.line);
  RedisPacker who;
  who.sized8(ask.line.content_hash).sized16(ask.line.key).u32(blob.size()).raw(blob);
  const std::string who_bytes = who.take();
  return pack.time(ask.expires_at)
      .u64(ask.dispatcher_life)
      .u32(who_bytes.size())
      .raw(who_bytes)
      .take();
}

// All asks, or those that are in conflict only.
RedisCommand say_grant(const Grant& call, const std::vector<std::size_t>& conflicts,
                       const RedisSaid& said) {
  Builder build(said, upstream_of(call));
  for (const GrantAsk& ask : call.asks) build.keys.key(ask.line.key);
  if (conflicts.empty()) {
    for (const GrantAsk& ask : call.asks) build.args.push_back(ask_bytes(build.keys, ask, false));
  }
  for (const std::size_t at : conflicts) {
    build.args.push_back(ask_bytes(build.keys, call.asks[at], true));
  }
  return build.command(RedisScript::kGrant, &call.caller);
}

std::string outcome_bytes(Keys& keys, const Completion& completion) {
  const wire::Outcome& outcome = completion.outcome;
  const bool lane = outcome.not_started == wire::NotStarted::kLane;
  RedisPacker pack;
  pack.u32(keys.key(outcome.key)).u32(keys.message(outcome.attempt.identity));
  pack.u32(outcome.attempt.serial).u8(static_cast<std::uint64_t>(outcome.ended));
  pack.u8((outcome.abnormal ? 1U : 0U) + (outcome.quota_told ? 2U : 0U) +
          (completion.consequence.penalty_was_told ? 4U : 0U) + (lane ? 8U : 0U));
  pack.u32(outcome.status).time(outcome.started_at).span(completion.consequence.retry_after);
  pack.span(completion.consequence.penalty).u32(outcome.quota_left).span(outcome.quota_reset);
  pack.sized16(outcome.reason);
  return pack.raw(std::string_view(outcome.answer).substr(0, wire::kAnswerMax)).take();
}

RedisCommand say_complete(const Complete& call, const RedisSaid& said) {
  Builder build(said, upstream_of(call));
  for (const Completion& one : call.completions) build.keys.key(one.outcome.key);
  for (const Completion& one : call.completions) {
    build.args.push_back(outcome_bytes(build.keys, one));
  }
  return build.command(RedisScript::kComplete, &call.caller);
}

std::string emptied_bytes(std::size_t message, std::uint64_t serial, wire::RecordKind kind) {
  RedisPacker pack;
  pack.u32(message).number(static_cast<std::int64_t>(serial));
  return pack.u8(static_cast<std::uint64_t>(kind)).take();
}

// The messages' lines, or the shard's own only.
RedisCommand say_emptied(const Emptied& call, const std::vector<std::uint64_t>& own_lines,
                         const RedisSaid& said) {
  Builder build(said, call.upstream);
  for (const std::uint64_t number : own_lines) {
    build.args.push_back(emptied_bytes(0, number, wire::RecordKind::kLimits));
  }
  for (const Emptied::Line& line : call.lines) {
    if (line.identity.empty() || !own_lines.empty()) continue;
    const std::size_t place = build.keys.message(line.identity);
    build.args.push_back(emptied_bytes(place, line.serial, line.kind));
  }
  return build.command(RedisScript::kEmptied, nullptr);
}

RedisCommand say_forget(const Forget& call, const RedisSaid& said) {
  Builder build(said, call.upstream);
  for (const std::string& identity : call.identities) build.keys.message(identity);
  return build.command(RedisScript::kForget, nullptr);
}

RedisCommand say_hold(const SetHold& call, const RedisSaid& said) {
  Builder build(said, call.upstream);
  RedisPacker pack;
  pack.u32(build.keys.key(call.key)).u8(call.closed ? 1 : 0);
  pack.u8(static_cast<std::uint64_t>(call.hold.kind)).time(call.hold.until);
  pack.time(call.hold.said_at).sized16(call.hold.by);
  build.args.push_back(pack.take());
  return build.command(RedisScript::kHold, nullptr);
}

RedisCommand say_peek(const Peek& call, const RedisSaid& said) {
  Builder build(said, call.upstream);
  for (const std::string& key : call.keys) {
    build.args.push_back(RedisPacker().u32(build.keys.key(key)).take());
  }
  return build.command(RedisScript::kPeek, nullptr);
}

RedisCommand say_consume(const Consume& call, const RedisSaid& said) {
  Builder build(said, call.upstream);
  RedisPacker pack;
  pack.u32(build.keys.key(call.key)).u32(call.units).time(call.at).raw(call.id);
  pack.sized16("by " + wire::clip(call.by, kByMax));
  build.keys.message(call.id);
  build.args.push_back(pack.take());
  return build.command(RedisScript::kConsume, &call.caller);
}

std::string log_bytes(Keys& keys, const Restore::Log& log) {
  RedisPacker pack;
  pack.u32(keys.key(log.key)).u32(std::uint64_t{log.limit} + 1);
  for (const Arrived& one : log.arrived) pack.time(one.at).u32(one.units);
  return pack.take();
}

RedisCommand say_restore(const Restore& call, const RedisSaid& said) {
  Builder build(said, call.upstream);
  RedisPacker pack;
  pack.u64(call.limits_version).time(call.closed_until).u16(call.held.size());
  for (const std::uint32_t units : call.held) pack.u32(units);
  build.args.push_back(pack.take());
  build.args.push_back(words_of_restore(wire::clip(call.by, kByMax), call.held));
  for (const Restore::Log& log : call.logs) build.args.push_back(log_bytes(build.keys, log));
  return build.command(RedisScript::kRestore, nullptr);
}

std::string span_bytes(const StoreConfig& config, const Upstream& upstream,
                       const std::vector<Limit>& limits) {
  RedisPacker pack;
  pack.u64(limits_version(upstream.name, limits)).u16(limits.size());
  for (const std::int64_t number : numbers_of(spans_of(config, upstream))) pack.number(number);
  return pack.take();
}

// LIMIT in lua/prelude.lua; what the shard itself knows of it is zero here.
std::string limit_bytes(const Limit& limit) {
  RedisPacker pack;
  pack.u16(0).u8(limit.scope == LimitScope::kUpstream ? 1 : 0);
  pack.u8(limit.kind == LimitKind::kConcurrency ? 1 : 0).u8(limit.shadow ? 1 : 0).u32(limit.n);
  pack.span(limit.window).u32(limit.burst).span(limit.guard).number(0).number(0).u32(0);
  return pack.sized8(limit.name).take();
}

// What is said, instead of which version, when it was said first, and by which limiter.
std::string edit_bytes(const StoreConfig& config, const SetLimits& call) {
  constexpr unsigned kSettings = 0, kPerson = 1, kSettingsAgain = 2, kRemembered = 3;
  const unsigned what = call.limits.empty()    ? (call.again ? kSettingsAgain : kSettings)
                        : call.said_at.us == 0 ? kPerson
                                               : kRemembered;
  RedisPacker pack;
  pack.u8(what).u64(call.instead_of).time(call.said_at);
  return pack.sized8(wire::clip(config.instance, kInstanceMax)).take();
}

}  // namespace

RedisCommand say_limits(const StoreConfig& config, const SetLimits& call, const RedisSaid& known) {
  const Upstream* upstream = find_upstream(config, call.upstream);
  Builder build(known, call.upstream);
  if (upstream != nullptr) {
    const std::vector<Limit>& said = call.limits.empty() ? upstream->limits : call.limits;
    const std::string by = wire::clip(call.by, kByMax);
    std::string limits;
    for (const Limit& limit : said) limits += limit_bytes(limit);
    build.args.push_back(span_bytes(config, *upstream, said));
    build.args.push_back(std::move(limits));
    build.args.push_back(words_of_edit(call, said));
    build.args.push_back(by);
    build.args.push_back(edit_bytes(config, call));
  }
  RedisCommand command = build.command(RedisScript::kLimits, nullptr);
  command.keys.push_back(command.keys.front() + ":s");
  return command;
}

RedisCommand say_decide(const std::string& upstream, const std::vector<std::string>& keys,
                        const RedisSaid& said) {
  Builder build(said, upstream);
  RedisPacker pack;
  for (const std::string& key : keys) pack.u32(build.keys.key(key)).u32(1);
  build.args.push_back(pack.take());
  return build.command(RedisScript::kDecide, nullptr);
}

RedisExchange::RedisExchange(const StoreConfig& config, Call call)
    : config_(&config), call_(std::move(call)) {}

RedisCommand RedisExchange::next(const RedisSaid& said) const {
  if (const auto* call = std::get_if<Grant>(&call_)) return say_grant(*call, conflicts_, said);
  if (const auto* call = std::get_if<Complete>(&call_)) return say_complete(*call, said);
  if (const auto* call = std::get_if<Emptied>(&call_)) return say_emptied(*call, own_lines_, said);
  if (const auto* call = std::get_if<Forget>(&call_)) return say_forget(*call, said);
  if (const auto* call = std::get_if<SetHold>(&call_)) return say_hold(*call, said);
  if (const auto* call = std::get_if<Peek>(&call_)) return say_peek(*call, said);
  if (const auto* call = std::get_if<Consume>(&call_)) return say_consume(*call, said);
  if (const auto* call = std::get_if<SetLimits>(&call_)) return say_limits(*config_, *call, said);
  if (const auto* call = std::get_if<AskLimits>(&call_)) {
    return Builder(said, call->upstream).command(RedisScript::kClock, nullptr);
  }
  if (const auto* call = std::get_if<Restore>(&call_)) return say_restore(*call, said);
  const auto& clock = std::get<AskClock>(call_);
  return Builder(said, clock.upstream).command(RedisScript::kClock, &clock.caller);
}

}  // namespace sluice::limiter
