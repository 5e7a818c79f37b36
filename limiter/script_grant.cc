// May these messages go? Everything is looked at before anything is written; slots first, the
// message's record last.
#include <algorithm>
#include <optional>

#include "lib/base/mark.h"
#include "lib/wire/identity.h"
#include "limiter/holds.h"
#include "limiter/reopening.h"
#include "limiter/script_parts.h"
#include "limiter/trail_line.h"

namespace sluice::limiter {

namespace {

class Granting {
 public:
  Granting(Scene& scene, const Caller& caller) : scene_(scene), caller_(caller) {
    caller_refusal_ = refuse_caller();
  }
  GrantAnswer answer(const GrantAsk& ask);

 private:
  std::optional<GrantAnswer> refuse_caller();
  std::optional<GrantAnswer> refuse(const GrantAsk& ask, const MessageRecord* known);
  std::optional<GrantAnswer> held(const std::string& key);
  std::optional<GrantAnswer> crowded(const std::string& key);
  std::optional<GrantAnswer> limited(const GrantAsk& ask);
  std::optional<GrantAnswer> told(const GrantAsk& ask);
  Verdict verdict(const Limit& limit, const GrantAsk& ask);
  std::vector<std::string> shadows(const GrantAsk& ask);
  GrantAnswer conflict(const GrantAsk& ask);
  GrantAnswer take(const GrantAsk& ask);
  void take_slots(const GrantAsk& ask, const MessageRecord& record);
  void give_up(const std::string& identity);
  bool end_without_attempt(const GrantAsk& ask, const MessageRecord* known);
  MessageRecord& begin(const GrantAsk& ask);
  [[nodiscard]] bool fate_unknown(const GrantAsk& ask) const;
  [[nodiscard]] std::uint32_t next_serial(const MessageRecord& record) const;

  static GrantAnswer wait(wire::Wait why, StoreTime until, std::string limit = {});
  static GrantAnswer settled(const MessageRecord& record);
  [[nodiscard]] GrantAnswer open(const MessageRecord& record, Granted granted) const;

  Scene& scene_;
  const Caller& caller_;
  std::optional<GrantAnswer> caller_refusal_;
};

GrantAnswer Granting::wait(wire::Wait why, StoreTime until, std::string limit) {
  GrantAnswer answer;
  answer.why = why;
  answer.until = until;
  answer.limit = std::move(limit);
  return answer;
}

GrantAnswer Granting::settled(const MessageRecord& record) {
  GrantAnswer answer;
  answer.granted = Granted::kSettled;
  answer.serial = record.serial;
  answer.attempts = record.attempts;
  answer.end = record.end;
  answer.outbox = record.outbox;
  return answer;
}

// Its request is over before the lease ends, even if its process was stopped for max_pause.
GrantAnswer Granting::open(const MessageRecord& record, Granted granted) const {
  GrantAnswer answer;
  answer.granted = granted;
  answer.serial = record.serial;
  answer.attempts = record.attempts;
  answer.granted_at = record.granted_at;
  answer.start_by = record.start_by;
  answer.lease_end = record.lease_end;
  answer.deadline = std::max(record.start_by, record.lease_end - scene_.spans().max_pause);
  answer.limiter_life = record.limiter_life;
  answer.dispatcher_life = record.dispatcher_life;
  answer.outbox = record.outbox;
  return answer;
}

std::optional<GrantAnswer> Granting::refuse_caller() {
  const ShardRecord& state = scene_.shard.state();
  if (caller_.limits_version != state.limits_version) {
    MARK("store: a caller with older limits");
    return wait(wire::Wait::kStoreDown, {}, "stale_settings");
  }
  if (scene_.unsure || scene_.now > caller_.ask_by) {
    MARK("store: a question comes too late, or with another time");
    return wait(wire::Wait::kClockUnsure, {});
  }
  return std::nullopt;
}

// Offered before the store opened, and nothing is known of it: it may have been sent, and
// forgotten.
bool Granting::fate_unknown(const GrantAsk& ask) const {
  const StoreTime opened_at = scene_.shard.state().opened_at;
  return opened_at.us != 0 && ask.offered_before && ask.first_seen < opened_at;
}

// Serials are names that are never used twice, also by a store that forgot: after it opened again
// they go on above every serial that it can have given before.
std::uint32_t Granting::next_serial(const MessageRecord& record) const {
  const auto opened_s = static_cast<std::uint32_t>(scene_.shard.state().opened_at.us / 1'000'000);
  return std::max(record.serial, opened_s) + 1;
}

GrantAnswer Granting::answer(const GrantAsk& ask) {
  const std::string& identity = ask.line.identity;
  const MessageRecord* known = scene_.message(identity);
  const bool other_bytes =
      known != nullptr &&
      (known->line.key != ask.line.key ||
       (!known->line.content_hash.empty() && known->line.content_hash != ask.line.content_hash));
  if (other_bytes) return conflict(ask);
  if (known != nullptr && known->stage == Stage::kSettled) return settled(*known);
  std::optional<GrantAnswer> refused = caller_refusal_;
  const StoreTime opens = scene_.opens_at(ask.line.key);
  if (!refused && scene_.now < opens) {
    MARK("store: nothing goes, it is closed");
    refused = wait(wire::Wait::kClosure, opens);
  }
  if (!refused && known != nullptr && known->stage == Stage::kUnderway) {
    if (scene_.now < known->lease_end) {
      return open(*known, known->limiter_life == caller_.life ? Granted::kYes : Granted::kUnderway);
    }
    MARK("store: an attempt is given up");
    give_up(identity);
    known = scene_.message(identity);
    if (known->stage == Stage::kSettled) {
      MARK("store: a message ends as its attempt is given up");
      return settled(*known);
    }
  }
  if (!refused && end_without_attempt(ask, known)) return settled(*scene_.message(identity));
  if (!refused) refused = refuse(ask, known);
  if (!refused) return take(ask);
  known = scene_.message(identity);
  if (known != nullptr) {
    refused->attempts = known->attempts;
    refused->outbox = known->outbox;
  }
  return *refused;
}

// Why it cannot go now, although nothing is wrong with it.
std::optional<GrantAnswer> Granting::refuse(const GrantAsk& ask, const MessageRecord* known) {
  if (scene_.now < ask.not_before) return wait(wire::Wait::kNotBefore, ask.not_before);
  if (known != nullptr && scene_.now < known->due) return wait(wire::Wait::kBackoff, known->due);
  if (auto hold = held(ask.line.key)) return hold;
  if (auto hold = held({})) return hold;
  if (auto full = crowded(ask.line.key)) return full;
  return limited(ask);
}

std::optional<GrantAnswer> Granting::held(const std::string& key) {
  const KeyRecord* record = scene_.key(key);
  if (record == nullptr) return std::nullopt;
  const auto hold = refusal_of(record->holds, scene_.now);
  if (!hold) return std::nullopt;
  return wait(hold->why, hold->until);
}

// As many attempts of its key as may be are under way; one, after a penalty, until one succeeds.
std::optional<GrantAnswer> Granting::crowded(const std::string& key) {
  const KeyRecord* record = scene_.key(key);
  if (record == nullptr) return std::nullopt;
  const std::uint32_t most = scene_.in_flight(key);
  std::uint32_t under_way = 0;
  StoreTime first_end = StoreTime::never();
  for (const OpenAttempt& open : record->open) {
    if (open.lease_end <= scene_.now) continue;
    ++under_way;
    first_end = std::min(first_end, open.lease_end);
  }
  if (under_way < most) return std::nullopt;
  if (record->penalties > 0) MARK("store: one attempt at a time after a penalty");
  return wait(wire::Wait::kInFlight, first_end);
}

Verdict Granting::verdict(const Limit& limit, const GrantAsk& ask) {
  const std::string& key = ask.line.key;
  const Tightened tightened = scene_.tightened(limit, key);
  if (tightened.held > 0) MARK("store: a limit without a past counts as full");
  if (tightened.n < limit.n) MARK("store: a key opens slowly");
  return decide_tightened(limit, scene_.meter(limit), scene_.log(limit, key),
                          {tightened, ask.cost, scene_.now});
}

// All limits or none; the one that opens last is named.
std::optional<GrantAnswer> Granting::limited(const GrantAsk& ask) {
  std::optional<GrantAnswer> last = told(ask);
  for (const Limit& limit : scene_.limits) {
    if (limit.shadow) continue;
    const Verdict said = verdict(limit, ask);
    if (said.why == wire::Wait::kNone) continue;
    if (!last || last->until < said.until) last = wait(said.why, said.until, limit.name);
  }
  return last;
}

// The upstream said that fewer are left than the logs know of.
std::optional<GrantAnswer> Granting::told(const GrantAsk& ask) {
  const KeyRecord* record = scene_.key(scene_.told_owner(ask.line.key));
  if (record == nullptr || record->told.until <= scene_.now) return std::nullopt;
  if (record->told.left >= ask.cost) return std::nullopt;
  return wait(wire::Wait::kWindowFull, record->told.until, kTold);
}

std::vector<std::string> Granting::shadows(const GrantAsk& ask) {
  std::vector<std::string> names;
  for (const Limit& limit : scene_.limits) {
    if (!limit.shadow) continue;
    const bool never = ask.cost > limit.n;
    if (never || verdict(limit, ask).why != wire::Wait::kNone) names.push_back(limit.name);
  }
  return names;
}

MessageRecord& Granting::begin(const GrantAsk& ask) {
  const bool is_new = scene_.message(ask.line.identity) == nullptr;
  MessageRecord& record = scene_.edit_message(ask.line.identity);
  if (is_new) {
    record.attempts = ask.attempts;
    record.throttles = ask.throttles;
  }
  record.keep_answer = ask.keep_answer;
  record.line = ask.line;
  record.expires_at = ask.expires_at;
  record.purge_at = scene_.keep_until(record);
  return record;
}

GrantAnswer Granting::take(const GrantAsk& ask) {
  std::vector<std::string> refused_by = shadows(ask);
  MessageRecord& record = begin(ask);
  record.cost = ask.cost;
  record.serial = next_serial(record);
  record.granted_at = scene_.now;
  record.start_by = scene_.now + scene_.spans().start_window;
  record.lease_end = scene_.now + scene_.spans().lease();
  record.limiter_life = caller_.life;
  record.dispatcher_life = ask.dispatcher_life;
  take_slots(ask, record);
  record.stage = Stage::kUnderway;
  GrantAnswer answer = open(record, Granted::kYes);
  answer.shadow_refused = std::move(refused_by);
  return answer;
}

void Granting::take_slots(const GrantAsk& ask, const MessageRecord& record) {
  const std::string& key = ask.line.key;
  const wire::Attempt attempt{ask.line.identity, record.serial};
  for (const Limit& limit : scene_.limits) {
    LimitLog& log = scene_.edit_log(limit, key);
    const Meter meter = scene_.meter(limit);
    meter.prune(log, scene_.now);
    meter.take(log, {attempt, true, ask.cost, record.lease_end, scene_.now});
    if (limit.scope == LimitScope::kUpstream) scene_.refresh_idle({});
  }
  const std::string& owner = scene_.told_owner(key);
  if (const KeyRecord* one = scene_.key(owner); one != nullptr && one->told.until > scene_.now) {
    Told& told = scene_.edit_key(owner).told;
    told.left -= std::min(told.left, ask.cost);
  }
  auto& open = scene_.edit_key(key).open;
  std::erase_if(open, [&](const OpenAttempt& one) { return one.lease_end <= scene_.now; });
  open.push_back({attempt, record.lease_end, record.dispatcher_life});
  scene_.refresh_idle(key);
}

// The lease has ended and no outcome is here: nobody knows what became of the attempt. It counts,
// as an attempt and, unknown_hold longer, as a request.
void Granting::give_up(const std::string& identity) {
  MessageRecord& record = scene_.edit_message(identity);
  scene_.complete_slots(record, record.serial, record.lease_end + scene_.spans().unknown_hold);
  record.given_up.push_back({record.serial, true});
  record.stage = Stage::kWaiting;
  ++record.attempts;
  record.due = {};
  wire::Record line = line_of(record, wire::RecordKind::kAttempt, scene_.now);
  line.ended = static_cast<std::uint32_t>(wire::Ended::kUnknown);
  line.completed_at = record.lease_end;
  line.reason = "lease ended";
  const bool resend = scene_.spans().on_unknown == OnUnknown::kResend;
  const std::string reason = resend ? scene_.exhausted(record) : "unknown";
  if (!record.late_end.empty()) {
    settle(record, line, record.late_end.front());
  } else if (!reason.empty()) {
    settle(record, line, {wire::Settlement::kDead, reason, 0, record.attempts, scene_.now});
  }
  record.outbox.push_back(std::move(line));
  record.purge_at = scene_.keep_until(record);
}

// Whether the message ends here and now, without an attempt.
bool Granting::end_without_attempt(const GrantAsk& ask, const MessageRecord* known) {
  End end{wire::Settlement::kDead,
          {},
          0,
          known == nullptr ? ask.attempts : known->attempts,
          scene_.now};
  const auto too_costly = [&](const Limit& limit) { return !limit.shadow && ask.cost > limit.n; };
  const auto& limits = scene_.limits;
  MessageRecord carried;
  carried.attempts = ask.attempts;
  carried.throttles = ask.throttles;
  if (ask.cancelled) {
    MARK("store: a message is cancelled");
    end.settlement = wire::Settlement::kCancelled;
    end.reason = "cancelled";
  } else if (ask.expires_at.us != 0 && scene_.now >= ask.expires_at) {
    MARK("store: a message has expired");
    end.settlement = wire::Settlement::kExpired;
    end.reason = "expired";
  } else if (std::any_of(limits.begin(), limits.end(), too_costly)) {
    end.reason = "cost";
  } else if (known == nullptr && fate_unknown(ask) &&
             scene_.spans().on_unknown == OnUnknown::kDead) {
    MARK("store: a message ends whose fate was forgotten");
    end.reason = "unknown";
  } else {
    end.reason = scene_.exhausted(known == nullptr ? carried : *known);
  }
  if (end.reason.empty()) return false;
  MessageRecord& record = begin(ask);
  wire::Record line = line_of(record, wire::RecordKind::kSettlement, scene_.now);
  settle(record, line, std::move(end));
  record.outbox.push_back(std::move(line));
  record.purge_at = scene_.keep_until(record);
  return true;
}

// Same identity, other bytes: the newcomer is dead, under a name made of both; the first is not
// touched.
GrantAnswer Granting::conflict(const GrantAsk& ask) {
  MARK("store: one identity with two contents");
  GrantAsk newcomer = ask;
  newcomer.line.identity = wire::conflict_identity_of(ask.line.identity, ask.line.content_hash);
  const std::string& identity = newcomer.line.identity;
  if (const MessageRecord* known = scene_.message(identity)) return settled(*known);
  MessageRecord& record = begin(newcomer);
  wire::Record line = line_of(record, wire::RecordKind::kSettlement, scene_.now);
  settle(record, line, {wire::Settlement::kDead, wire::kIdConflict, 0, ask.attempts, scene_.now});
  record.outbox.push_back(std::move(line));
  record.purge_at = scene_.keep_until(record);
  return settled(record);
}

}  // namespace

GrantReply grant(Scene& scene, const Grant& call) {
  Granting granting(scene, call.caller);
  GrantReply reply;
  reply.answers.reserve(call.asks.size());
  for (const GrantAsk& ask : call.asks) reply.answers.push_back(granting.answer(ask));
  reply.outbox = scene.shard.state().outbox;
  return reply;
}

}  // namespace sluice::limiter
