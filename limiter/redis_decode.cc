// What the scripts answer (limiter/lua), as the store's answers. Everything is checked against the
// bytes that are there.
#include <algorithm>
#include <array>
#include <utility>

#include "lib/wire/closure_words.h"
#include "lib/wire/identity.h"
#include "limiter/redis_bytes.h"
#include "limiter/redis_codec.h"
#include "limiter/redis_lines.h"

namespace sluice::limiter {

namespace {

using port::RedisValue;

constexpr std::uint8_t kConflict = 4;  // beside Granted
constexpr std::size_t kLife = 40;

struct Trouble {
  const char* prefix;
  RedisHeard heard;
};
// By how the error begins.
constexpr std::array kTroubles{
    Trouble{"UNSET", RedisHeard::kUntold},      Trouble{"SPANS", RedisHeard::kUntold},
    Trouble{"NOLIFE", RedisHeard::kNoLife},     Trouble{"OOM", RedisHeard::kFull},
    Trouble{"SCHEMA", RedisHeard::kSchema},     Trouble{"CORRUPT", RedisHeard::kDamaged},
    Trouble{"WRONGTYPE", RedisHeard::kDamaged}, Trouble{"ARGS", RedisHeard::kDamaged}};

std::string printable(std::string_view text) {
  std::string clean;
  for (const char c : text) clean += c >= ' ' && c <= '~' ? c : '?';
  return clean;
}

// An error may name a record; whose it is stays out of logs.
std::string_view without_names(std::string_view error) {
  for (const std::string_view kind : {"}:k:", "}:m:"}) {
    const std::size_t at = error.find(kind);
    if (at != std::string_view::npos) error = error.substr(0, at + kind.size());
  }
  return error;
}

LimitLog read_log(RedisUnpacker& from) {
  LimitLog log;
  from.u16();  // whose it is
  const std::size_t count = from.u32();
  const bool has_units = from.u8() == 1;
  log.tat = from.time();
  const std::size_t counted = from.u16();
  if (count > from.left() / 36) return from.spoil(), log;
  log.slots.resize(count);
  for (Slot& slot : log.slots) {
    const StoreTime at = from.time();
    slot.open = at.us < 0;
    slot.at = slot.open ? StoreTime{-at.us} : at;
  }
  for (Slot& slot : log.slots) {
    slot.attempt.identity = std::string(from.raw(16));
    slot.attempt.serial = from.u32();
    slot.granted_at = from.time();
  }
  for (std::size_t i = 0; has_units && i < count; ++i) log.slots[i].units = from.u32();
  if (counted > from.left() / 12) return from.spoil(), log;
  std::vector<StoreTime> ends(counted);
  for (StoreTime& end : ends) end = from.time();
  for (const StoreTime end : ends) log.slots.push_back({{}, false, from.u32(), end, end});
  return log;
}

KeyState read_key(RedisUnpacker from, std::size_t limits, bool& good) {
  KeyState state;
  for (std::size_t i = 0; i < limits && !from.bad(); ++i) {
    Tightened tight;
    tight.n = from.u32();
    tight.step = from.u32();
    tight.grows_at = from.time();
    tight.held = from.u32();
    tight.held_until = from.time();
    state.limits.push_back(tight);
    state.logs.push_back(read_log(from));
  }
  for (std::size_t left = from.u16(); left > 0 && !from.bad(); --left) {
    wire::Hold hold;
    hold.kind = static_cast<wire::HoldKind>(from.u8());
    hold.until = from.time();
    hold.said_at = from.time();
    hold.by = from.text16();
    state.holds.push_back(std::move(hold));
  }
  state.closed_until = from.time();
  state.in_flight = from.u32();
  state.one_at_a_time = from.u8() == 1;
  state.told_until = from.time();
  state.told_left = from.u32();
  for (std::size_t left = from.u32(); left > 0 && !from.bad(); --left) {
    state.open.push_back(from.time());
  }
  good = good && from.whole();
  return state;
}

void read_wait(RedisUnpacker& from, GrantAnswer& answer) {
  answer.why = static_cast<wire::Wait>(from.u8());
  answer.until = from.time();
  answer.attempts = from.u32();
  answer.limit = from.text8();
}

void read_open(RedisUnpacker& from, GrantAnswer& answer) {
  answer.serial = from.u32();
  answer.attempts = from.u32();
  answer.granted_at = from.time();
  answer.start_by = from.time();
  answer.lease_end = from.time();
  answer.deadline = from.time();
  answer.limiter_life = from.u64();
  answer.dispatcher_life = from.u64();
  for (std::size_t left = from.u8(); left > 0; --left) {
    answer.shadow_refused.push_back(from.text8());
  }
}

// `identity`: what its lines are about.
GrantAnswer read_granted(RedisUnpacker& from, const GrantAsk& ask, const std::string& identity) {
  GrantAnswer answer;
  answer.granted = static_cast<Granted>(from.u8());
  if (answer.granted == Granted::kWait) {
    read_wait(from, answer);
    // The scripts count no further than kLuaMost.
    if (answer.why == wire::Wait::kNotBefore) answer.until = ask.not_before;
  } else if (answer.granted == Granted::kSettled) {
    answer.serial = from.u32();
    answer.attempts = from.u32();
    answer.end = read_end(from);
  } else {
    read_open(from, answer);
  }
  answer.outbox = read_outbox(from, identity, ask.line.upstream);
  return answer;
}

}  // namespace

// A reply: the head's bytes, the shard's lines, then one item for each question.
struct RedisExchange::Reply {
  StoreTime now;
  StoreTime closed_until;
  Duration latency;
  ClosedBy closed_by = ClosedBy::kNothing;
  Duration offset;
  std::vector<OwnLine> own;
  std::vector<wire::Record> lines;
  const std::vector<RedisValue>* items = nullptr;

  [[nodiscard]] std::size_t count() const { return items->size() - 2; }
  [[nodiscard]] const std::string& item(std::size_t i) const { return (*items)[i + 2].text; }
};

RedisHeard RedisExchange::fail(const std::string& error) {
  what_ = printable(without_names(error));
  for (const Trouble& trouble : kTroubles) {
    if (error.rfind(trouble.prefix, 0) == 0) return trouble.heard;
  }
  return RedisHeard::kFailed;
}

RedisHeard RedisExchange::hear(const RedisValue& value) {
  const bool more_before = !conflicts_.empty() || !own_lines_.empty();
  life_.clear();
  if (value.kind == RedisValue::Kind::kError) return fail(value.text);
  if (!take(value)) return fail("ARGS the script's answer is none that this limiter knows");
  if (more_before) return conflicts_.clear(), own_lines_.clear(), RedisHeard::kDone;
  return conflicts_.empty() && own_lines_.empty() ? RedisHeard::kDone : RedisHeard::kMore;
}

bool RedisExchange::take(const RedisValue& value) {
  if (value.kind != RedisValue::Kind::kArray || value.items.size() < 2) return false;
  for (const RedisValue& item : value.items) {
    if (item.kind != RedisValue::Kind::kString) return false;
  }
  RedisUnpacker head(value.items[0].text);
  Reply reply;
  reply.now = head.time();
  reply.closed_until = head.time();
  reply.latency = head.span();
  const std::string life(head.raw(kLife));
  const std::size_t own = head.u16();
  limits_version_ = head.u64();
  spans_version_ = head.u64();
  const std::size_t closed_by = head.u8();
  reply.offset = head.span();
  if (!head.whole() || closed_by >= wire::kClosureWords.size()) return false;
  reply.closed_by = static_cast<ClosedBy>(closed_by);
  const RedisUnpacker lines(value.items[1].text);
  reply.own = read_own_lines(lines, own, upstream_of(call_));
  if (reply.own.size() != own) return false;
  for (const OwnLine& one : reply.own) reply.lines.push_back(one.line);
  reply.items = &value.items;
  bool good = false;
  if (std::holds_alternative<Grant>(call_)) {
    good = take_grant(reply);
  } else if (std::holds_alternative<Complete>(call_)) {
    good = take_complete(reply);
  } else if (std::holds_alternative<Peek>(call_)) {
    good = take_peek(reply);
  } else if (std::holds_alternative<SetLimits>(call_) || std::holds_alternative<AskLimits>(call_) ||
             std::holds_alternative<Restore>(call_)) {
    good = take_limits(reply);
  } else {
    good = take_acknowledged(reply);
  }
  if (good) life_ = life;
  return good;
}

bool RedisExchange::take_grant(Reply& reply) {
  const auto& call = std::get<Grant>(call_);
  const bool all = conflicts_.empty();
  if (reply.count() != (all ? call.asks.size() : conflicts_.size())) return false;
  if (all) {
    now_ = reply.now;
    answer_ = GrantReply{std::vector<GrantAnswer>(call.asks.size()), std::move(reply.lines)};
  }
  auto& answers = std::get<GrantReply>(answer_).answers;
  std::vector<std::size_t> conflicts;
  for (std::size_t i = 0; i < reply.count(); ++i) {
    const std::size_t at = all ? i : conflicts_[i];
    const GrantAsk& ask = call.asks[at];
    RedisUnpacker from(reply.item(i));
    if (all && reply.item(i) == std::string(1, static_cast<char>(kConflict))) {
      conflicts.push_back(at);
      continue;
    }
    const std::string& identity = ask.line.identity;
    answers[at] = read_granted(
        from, ask, all ? identity : wire::conflict_identity_of(identity, ask.line.content_hash));
    if (!from.whole() || answers[at].granted > Granted::kUnderway) return false;
  }
  if (all) conflicts_ = std::move(conflicts);
  return true;
}

bool RedisExchange::take_complete(Reply& reply) {
  const auto& call = std::get<Complete>(call_);
  if (reply.count() != call.completions.size()) return false;
  CompleteReply completed;
  completed.latency = reply.latency;
  for (std::size_t i = 0; i < reply.count(); ++i) {
    const wire::Outcome& outcome = call.completions[i].outcome;
    RedisUnpacker from(reply.item(i));
    CompleteAnswer answer;
    answer.wrote = static_cast<Wrote>(from.u8());
    answer.settled = from.u8() == 1;
    answer.attempts = from.u32();
    answer.due = from.time();
    answer.closed_until = from.time();
    answer.end = read_end(from);
    answer.outbox = read_outbox(from, outcome.attempt.identity, outcome.upstream);
    if (!from.whole() || answer.wrote > Wrote::kNoRecord) return false;
    completed.answers.push_back(std::move(answer));
  }
  now_ = reply.now;
  answer_ = std::move(completed);
  return true;
}

bool RedisExchange::take_peek(Reply& reply) {
  const auto& call = std::get<Peek>(call_);
  if (reply.count() != call.keys.size() + 1) return false;
  const std::string& limits = reply.item(0);
  if (limits.size() != 1) return false;
  PeekReply peeked;
  peeked.latency = reply.latency;
  bool good = true;
  for (std::size_t i = 0; i < call.keys.size(); ++i) {
    const auto count = static_cast<std::uint8_t>(limits[0]);
    peeked.keys.push_back(read_key(RedisUnpacker(reply.item(i + 1)), count, good));
  }
  answer_ = std::move(peeked);
  return good;
}

Acknowledged RedisExchange::acknowledged(Reply& reply) {
  return {reply.closed_until, reply.latency, std::move(reply.lines), reply.closed_by, {},
          reply.offset};
}

bool RedisExchange::take_limits(Reply& reply) {
  const bool edits = std::holds_alternative<SetLimits>(call_);
  if (reply.count() != (edits ? 2 : 1)) return false;
  RedisUnpacker from(reply.item(0));
  LimitsReply limits;
  limits.stale = from.u8() == 1;
  limits.limits.version = limits_version_;
  limits.limits.at = from.time();
  const std::size_t count = from.u16();
  limits.limits.by = from.text8();
  limits.limits.limits = read_limits(from, count);
  limits.shard = acknowledged(reply);
  bool good = from.whole();
  if (edits) {
    RedisUnpacker spans(reply.item(1));
    SpanNumbers numbers;
    for (std::int64_t& number : numbers) number = spans.number();
    limits.spans = spans_of(numbers);
    good = good && spans.whole();
  }
  answer_ = std::move(limits);
  return good;
}

bool RedisExchange::take_acknowledged(Reply& reply) {
  Acknowledged acknowledged = RedisExchange::acknowledged(reply);
  const bool is_clock = std::holds_alternative<AskClock>(call_);
  if (is_clock || std::holds_alternative<Consume>(call_)) {
    if (reply.count() != 1) return false;
    now_ = reply.now;
  }
  if (std::holds_alternative<SetHold>(call_)) {
    if (reply.count() != 1) return false;
    RedisUnpacker from(reply.item(0));
    acknowledged.later_word = from.time();
    acknowledged.later_by = from.text16();
    if (!from.whole()) return false;
  } else if (const auto* consume = std::get_if<Consume>(&call_)) {
    RedisUnpacker from(reply.item(0));
    for (wire::Record& line : read_outbox(from, consume->id, consume->upstream)) {
      acknowledged.outbox.push_back(std::move(line));
    }
    if (!from.whole()) return false;
  } else if (const auto* emptied = std::get_if<Emptied>(&call_); emptied && own_lines_.empty()) {
    for (const OwnLine& one : reply.own) {
      const auto is_it = [&](const Emptied::Line& line) {
        return line.identity.empty() && line.record_id == one.line.record_id;
      };
      if (std::any_of(emptied->lines.begin(), emptied->lines.end(), is_it)) {
        own_lines_.push_back(one.number);
      }
    }
  }
  answer_ = std::move(acknowledged);
  return true;
}

}  // namespace sluice::limiter
