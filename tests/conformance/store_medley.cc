#include "tests/conformance/store_medley.h"

#include <algorithm>

#include "tests/conformance/store_dump.h"

namespace sluice::limiter {

namespace {

constexpr std::uint32_t kMessages = 16;

std::string id_of(std::uint32_t n) { return identity_of(static_cast<int>(n)); }

}  // namespace

StoreMedley::StoreMedley(const std::vector<StoreKind>& kinds, std::uint64_t seed,
                         std::size_t limiters)
    : prng_(seed),
      odd_per_million_(seed % 3 == 0   ? 0
                       : seed % 3 == 1 ? 500
                                       : 5'000) {
  known_.resize(2 * kMessages);
  config_ = config_of(any_limits());
  any_spans(config_);
  for (const StoreKind& kind : kinds) {
    names_.push_back(kind.name);
    rigs_.push_back(kind.make(config_, now_));
  }
  for (std::size_t i = 1; i < limiters; ++i) {
    StoreConfig& other = others_.emplace_back(config_);
    other.instance = std::to_string(i + 1);
    any_spans(other);
  }
}

void StoreMedley::any_spans(StoreConfig& config) {
  Upstream& upstream = config.upstreams[0];
  upstream.in_flight_per_key = chance(50) ? kInFlightAuto : number(1, 4);
  upstream.timeout = seconds(number(1, 10));
  upstream.max_pause = seconds(number(0, 10));
  upstream.unknown_hold = seconds(number(0, 30));
  upstream.on_unknown = chance(50) ? OnUnknown::kResend : OnUnknown::kDead;
  upstream.attempts_max = number(1, 6);
  upstream.throttles_max = number(1, 4);
  upstream.penalty_max = seconds(number(10, 100));
  config.clock_error_max = milliseconds(number(100, 1'000));
  config.store_overlap = seconds(number(0, 5));
  config.close_max = seconds(number(5, 60));
  config.record_min = seconds(number(10, 200));
  config.record_max = seconds(number(100, 2'000));
}

void StoreMedley::next_limiter() {
  if (others_.empty()) return;
  others_.push_back(config_);
  config_ = others_.front();
  others_.erase(others_.begin());
  for (auto& rig : rigs_) rig->speak_as(config_, now_ + skew_);
}

Limit StoreMedley::any_limit(const std::string& name) {
  constexpr std::uint32_t kSizes[] = {1, 2, 3, 5, 8, 10, 17, 256, 257, 1'000};
  Limit limit;
  limit.name = name;
  limit.scope = chance(60) ? LimitScope::kKey : LimitScope::kUpstream;
  limit.kind = chance(85) ? LimitKind::kRate : LimitKind::kConcurrency;
  limit.shadow = chance(15);
  limit.n = kSizes[prng_.below(10)];
  limit.window = milliseconds(number(300, 60'000));
  if (chance(3)) limit.window = seconds(number(500, 5'000));
  limit.burst = number(1, limit.n);
  limit.guard = milliseconds(number(501, 2'000));
  return limit;
}

std::vector<Limit> StoreMedley::any_limits() {
  std::vector<Limit> limits;
  for (const char* name : {"a", "b", "c", "d"}) {
    if (limits.empty() || chance(35)) limits.push_back(any_limit(name));
  }
  return limits;
}

void StoreMedley::edit() {
  auto& limits = config_.upstreams[0].limits;
  const auto what = prng_.below(6);
  if (what >= 4) {
    any_spans(config_);
  } else if (what == 0) {
    limits = any_limits();
  } else if (what == 1) {
    limits[prng_.below(limits.size())].window = milliseconds(number(300, 60'000));
  } else if (what == 2) {
    limits[prng_.below(limits.size())].n = number(1, 12);
  } else {
    std::rotate(limits.begin(), limits.begin() + 1, limits.end());
  }
  for (Limit& limit : limits) limit.burst = std::min(limit.burst, limit.n);
  for (auto& rig : rigs_) rig->restart_with(config_, now_ + skew_);
}

std::string StoreMedley::any_key() {
  constexpr const char* kKeys[] = {"up:a", "up:b", "up:c"};
  return kKeys[prng_.below(3)];
}

Caller StoreMedley::caller() {
  Caller caller{number(1, 3), {now_ - milliseconds(number(0, 20)), now_}, now_ + seconds(2), 0};
  caller.bounds.high = now_ + milliseconds(number(0, 20));
  caller.limits_version = limits_version_;
  if (chance(1)) caller.limits_version = 77;
  if (oddly()) caller.bounds = {};
  if (oddly()) caller.bounds.low = caller.bounds.high = now_ + seconds(number(1, 300));
  if (chance(1)) caller.ask_by = now_ - seconds(1);
  caller.doubted = skew_.us == 0 ? oddly() : chance(10);
  return caller;
}

// Mostly messages of their own keys; now and then one with the bytes, or the key, of another.
GrantAsk StoreMedley::ask() {
  const std::uint32_t n = number(0, kMessages - 1);
  GrantAsk ask = ask_of(static_cast<int>(n), n % 3 == 0 ? "up:b" : "up:a");
  ask.line.traceparent = std::string(number(0, 3), 't');
  ask.line.could_go_at = now_;
  if (chance(1)) ask.line.content_hash = std::string(32, 'x');
  if (chance(1)) ask.line.key = "up:c";
  ask.offered_before = chance(50);
  ask.cancelled = chance(1);
  ask.first_seen = now_ - seconds(number(0, 100));
  if (chance(5)) ask.not_before = now_ + seconds(number(0, 10));
  ask.expires_at = chance(2) ? StoreTime{} : now_ + seconds(number(chance(2) ? 0 : 10, 300));
  if (chance(1)) ask.expires_at = ask.not_before = StoreTime{std::int64_t{1} << 62};
  ask.cost = chance(80) ? 1 : number(1, chance(3) ? 20 : 3);
  ask.attempts = chance(10) ? number(0, 5) : 0;
  ask.throttles = chance(10) ? number(0, 3) : 0;
  ask.dispatcher_life = number(0, 3);
  ask.keep_answer = chance(30);
  return ask;
}

Completion StoreMedley::completion() {
  const std::uint32_t n = number(0, kMessages - 1);
  std::uint32_t serial = known_[n].serial;
  if (chance(10)) serial -= std::min(serial, number(1, 3));
  if (chance(2)) serial += number(1, 5);
  Completion completion = completion_of(static_cast<int>(n), std::max(1U, serial),
                                        static_cast<wire::Ended>(number(1, 6)));
  wire::Outcome& outcome = completion.outcome;
  outcome.key = chance(2) ? any_key() : n % 3 == 0 ? "up:b" : "up:a";
  outcome.status = chance(80) ? number(200, 599) : 0;
  outcome.reason = chance(20) ? "words" : "";
  outcome.started_at = now_ - seconds(1);
  outcome.answer = std::string(chance(20) ? number(0, 20'000) : 0, 'a');
  outcome.abnormal = chance(1);
  if (chance(10)) outcome.not_started = wire::NotStarted::kLane;
  outcome.quota_told = chance(5);
  outcome.quota_left = number(0, 5);
  outcome.quota_reset = seconds(number(0, 20));
  completion.consequence.retry_after = seconds(number(0, 10));
  if (chance(10)) completion.consequence.penalty = seconds(number(0, 20));
  completion.consequence.penalty_was_told = chance(50);
  return completion;
}

Grant StoreMedley::any_grant() {
  Grant call{caller(), {}};
  for (auto left = chance(3) ? 40U : number(1, 4); left > 0; --left) call.asks.push_back(ask());
  return call;
}

Complete StoreMedley::any_complete() {
  Complete call{caller(), {}};
  for (auto left = number(1, 3); left > 0; --left) call.completions.push_back(completion());
  return call;
}

Emptied StoreMedley::any_emptied() {
  Emptied call{"up", {}};
  for (const Known& one : known_) {
    for (const wire::Record& line : one.outbox) {
      if (chance(40)) call.lines.push_back(Emptied::Line::of(line));
    }
  }
  for (const wire::Record& line : edits_) {
    if (chance(20)) call.lines.push_back(Emptied::Line::of(line));
  }
  return call;
}

Consume StoreMedley::any_consume() {
  Consume call{caller(), "up", chance(20) ? "" : any_key(), 1, {}, {}, "somebody"};
  call.units = number(1, chance(10) ? 2'000 : 4);
  if (chance(50)) call.at = now_ - seconds(number(0, 20));
  call.id = id_of(kMessages + (chance(50) ? number(0, kMessages - 1) : 1'000 + number(0, 100'000)));
  return call;
}

void StoreMedley::say(Call call) {
  const StoreAsk ask{++calls_, std::move(call)};
  StoreReply first;
  for (std::size_t i = 0; i < rigs_.size(); ++i) {
    const auto replies = rigs_[i]->say({ask}, now_ + skew_);
    if (i == 0) first = replies.at(0);
    if (i == 0 || !difference_.empty()) continue;
    const std::string one = dump(first), other = dump(replies.at(0));
    if (one != other) difference_ = names_[0] + ":" + one + "\n" + names_[i] + ":" + other;
  }
  hear(ask.call, first);
}

SetLimits StoreMedley::any_edit() {
  if (chance(20)) return {"up", "settings", {}, 0, 0, {}, chance(50)};
  SetLimits call{"up", "somebody", any_limits(), 0};
  if (chance(30)) call.said_at = now_ - seconds(number(0, 600));
  for (Limit& limit : call.limits) limit.burst = std::min(limit.burst, limit.n);
  if (chance(60)) call.instead_of = chance(80) ? limits_version_ : 77;
  return call;
}

Restore StoreMedley::any_restore() {
  Restore call{"up", limits_version_, closed_until_, {}, {}, "somebody"};
  if (chance(5)) call.limits_version = 77;
  if (chance(5)) call.closed_until = now_;
  for (auto left = number(0, 4); left > 0; --left) {
    Restore::Log log{chance(20) ? "" : any_key(), number(0, 4), {}};
    StoreTime at = now_;
    for (auto more = number(0, chance(5) ? 300 : 5); more > 0; --more) {
      at = at - milliseconds(number(0, 20'000));
      log.arrived.push_back({at, number(1, chance(5) ? 2'000 : 2)});
    }
    call.logs.push_back(std::move(log));
  }
  if (chance(30)) {
    for (auto left = number(1, 5); left > 0; --left) call.held.push_back(number(0, 3));
  }
  return call;
}

void StoreMedley::hear(const Call& call, const StoreReply& reply) {
  limits_version_ = reply.limits_version;
  if (const auto* heard = std::get_if<Acknowledged>(&reply.answer)) {
    closed_until_ = heard->closed_until;
  } else if (const auto* limits = std::get_if<LimitsReply>(&reply.answer)) {
    closed_until_ = limits->shard.closed_until;
    edits_ = limits->shard.outbox;
  }
  if (const auto* granted = std::get_if<GrantReply>(&reply.answer)) {
    const auto& asks = std::get<Grant>(call).asks;
    for (std::size_t i = 0; i < asks.size(); ++i) {
      const GrantAnswer& answer = granted->answers.at(i);
      const auto n = static_cast<unsigned char>(asks[i].line.identity[0]);
      if (answer.granted == Granted::kYes) ++granted_, known_[n].serial = answer.serial;
      if (answer.granted == Granted::kSettled) ++settled_;
      known_[n].outbox = answer.outbox;
    }
    edits_ = granted->outbox;
  } else if (const auto* completed = std::get_if<CompleteReply>(&reply.answer)) {
    const auto& completions = std::get<Complete>(call).completions;
    for (std::size_t i = 0; i < completions.size(); ++i) {
      const auto n = static_cast<unsigned char>(completions[i].outcome.attempt.identity[0]);
      known_[n].outbox = completed->answers.at(i).outbox;
    }
  }
}

void StoreMedley::trouble() {
  if (oddly()) edit();
  if (chance(10)) next_limiter();
  if (oddly()) say(any_edit());
  for (auto& rig : rigs_) {
    if (&rig == &rigs_.front()) back_ = oddly(), forgets_ = oddly();
    if (back_) rig->put_back(now_ + skew_);
    if (forgets_) rig->come_back_forgetting(now_ + skew_);
  }
  if (oddly()) skew_ = seconds(prng_.between(std::int64_t{-150}, std::int64_t{150}));
  if (skew_.us != 0 && chance(2)) skew_ = {};  // it is right again
  if (chance(1)) now_ = now_ + seconds(number(0, 3'000));
}

SetHold StoreMedley::any_hold() {
  const StoreTime until = chance(20) ? StoreTime{} : now_ + seconds(number(0, 20));
  const auto kind = static_cast<wire::HoldKind>(number(1, 3));
  const StoreTime said_at = chance(50) ? now_ : StoreTime{number(0, 3)};
  return {"up", chance(20) ? "" : any_key(), chance(40), {kind, until, "x", said_at}};
}

void StoreMedley::say_any(Kind kind) {
  switch (kind) {
    case Kind::kGrant:
      return say(any_grant());
    case Kind::kComplete:
      return say(any_complete());
    case Kind::kEmptied:
      return say(any_emptied());
    case Kind::kForget:
      return say(Forget{"up", {id_of(number(0, kMessages - 1)), id_of(number(0, 2 * kMessages))}});
    case Kind::kPeek:
      return say(Peek{"up", {any_key(), "", "up:nobody"}});
    case Kind::kHold:
      return say(any_hold());
    case Kind::kConsume:
      return say(any_consume());
    case Kind::kRestore:
      return say(any_restore());
    case Kind::kAskLimits:
      return say(AskLimits{"up"});
    case Kind::kClock:
      return say(AskClock{"up", caller()});
    case Kind::kEdit:
      return say(any_edit());
  }
}

void StoreMedley::pass_time() {
  const auto pace = prng_.below(10);
  if (pace < 7) {
    now_ = now_ + microseconds(number(0, 900'000));
  } else if (pace < 9) {
    now_ = now_ + milliseconds(number(0, 6'000));
  }
}

void StoreMedley::step() {
  struct Share {
    std::uint64_t upto;
    Kind kind;
  };
  constexpr Share kShares[] = {{40, Kind::kGrant},   {70, Kind::kComplete}, {78, Kind::kEmptied},
                               {82, Kind::kForget},  {90, Kind::kPeek},     {92, Kind::kHold},
                               {94, Kind::kConsume}, {95, Kind::kRestore},  {96, Kind::kAskLimits},
                               {100, Kind::kClock}};
  trouble();
  const auto what = prng_.below(100);
  say_any(std::find_if(std::begin(kShares), std::end(kShares), [&](const Share& share) {
            return what < share.upto;
          })->kind);
  pass_time();
}

}  // namespace sluice::limiter
