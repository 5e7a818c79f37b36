#include "limiter/trail_line.h"

#include "lib/digest/digest.h"
#include "lib/wire/closure_words.h"
#include "lib/wire/valid.h"

namespace sluice::limiter {

namespace {

constexpr std::size_t kByMax = 200;      // bytes of who says so
constexpr std::size_t kReasonMax = 256;  // bytes, as the contract has it

std::string described(const Limit& limit) {
  std::string text = limit.name + ": " + std::to_string(limit.n);
  if (limit.kind == LimitKind::kRate) {
    text += " per " + std::to_string(limit.window.us / 1000) + "ms burst " +
            std::to_string(limit.burst) + " guard " + std::to_string(limit.guard.us / 1000) + "ms";
  } else {
    text += " at once";
  }
  if (limit.scope == LimitScope::kUpstream) text += " upstream";
  if (limit.shadow) text += " shadow";
  return text;
}

}  // namespace

std::string record_id_of(const std::string& identity, std::uint32_t serial, wire::RecordKind kind) {
  std::string fact = identity;
  for (int shift = 0; shift < 32; shift += 8) fact.push_back(static_cast<char>(serial >> shift));
  fact.push_back(static_cast<char>(kind));
  return to_bytes(sha256(fact)).substr(0, 16);
}

std::string edit_id_of(const std::string& upstream, std::uint64_t edit, StoreTime at) {
  const std::string fact =
      "limits " + upstream + " " + std::to_string(edit) + " " + std::to_string(at.us);
  return to_bytes(sha256(fact)).substr(0, 16);
}

std::string held_id_of(const std::string& upstream, std::uint64_t version) {
  const std::string fact = "limits hold " + upstream + " " + std::to_string(version);
  return to_bytes(sha256(fact)).substr(0, 16);
}

std::string words_of_edit(const SetLimits& call, const std::vector<Limit>& limits) {
  std::string words = "by " + wire::clip(call.by, kByMax);
  if (call.said_at.us != 0) words += ", said again as the store had forgotten it";
  for (const Limit& limit : limits) words += "; " + described(limit);
  return wire::clip(words, kReasonMax);
}

std::string words_of_closure(ClosedBy why) {
  std::string words(wire::kClosureSays);
  return words += wire::kClosureWords.at(static_cast<std::size_t>(why));
}

std::string words_of_restore(const std::string& by, const std::vector<std::uint32_t>& held) {
  std::string words = "by " + by + "; restored from the trail, held by";
  for (const std::uint32_t units : held) words += " " + std::to_string(units);
  return wire::clip(words, kReasonMax);
}

wire::Record line_of(const MessageRecord& record, wire::RecordKind kind, StoreTime at) {
  wire::Record line = record.line;
  line.record_id = record_id_of(line.identity, record.serial, kind);
  line.kind = kind;
  line.at = at;
  line.serial = record.serial;
  line.attempts = record.attempts;
  line.units = record.cost;
  if (kind == wire::RecordKind::kAttempt) {
    line.granted_at = record.granted_at;
    line.limiter_life = record.limiter_life;
    line.dispatcher_life = record.dispatcher_life;
  }
  return line;
}

void settle(MessageRecord& record, wire::Record& line, End end) {
  line.settlement = static_cast<std::uint32_t>(end.settlement);
  if (line.reason.empty()) line.reason = end.reason;
  record.stage = Stage::kSettled;
  record.end = std::move(end);
}

}  // namespace sluice::limiter
