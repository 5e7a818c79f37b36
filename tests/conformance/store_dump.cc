#include "tests/conformance/store_dump.h"

#include <sstream>
#include <type_traits>

#include "lib/digest/digest.h"
#include "lib/wire/limits.h"

namespace sluice::limiter {

namespace {

class Dump {
 public:
  template <class... T>
  Dump& add(const char* name, const T&... values) {
    out_ << ' ' << name;
    (one(values), ...);
    return *this;
  }
  [[nodiscard]] std::string text() const { return out_.str(); }

 private:
  template <class T>
  void one(const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      out_ << ' ' << to_hex(value);
    } else if constexpr (std::is_same_v<T, StoreTime> || std::is_same_v<T, Duration>) {
      out_ << ' ' << value.us;
    } else {
      out_ << ' ' << static_cast<std::uint64_t>(value);
    }
  }
  void one(const End& end) {
    add("end", end.settlement, end.reason, end.status, end.attempts, end.at, end.answer);
  }
  void one(const Slot& slot) {
    add("slot", slot.attempt.identity, slot.attempt.serial, slot.open, slot.units, slot.at,
        slot.granted_at);
  }
  void one(const SubWindow& counted) { add("counted", counted.end, counted.units); }
  void one(const LimitLog& log) { add("log", log.slots, log.counted, log.tat); }
  void one(const Tightened& t) { add("tight", t.n, t.step, t.grows_at, t.held, t.held_until); }
  void one(const wire::Hold& hold) { add("hold", hold.kind, hold.until, hold.by, hold.said_at); }
  void one(const wire::Limit& limit) {
    auto row = [&](int, const char*, const auto& member, const auto&) { one(member); };
    wire::Limit::fields(limit, row);
  }
  void one(const wire::Record& record) {
    out_ << "\n    line";
    auto row = [&](int, const char*, const auto& member, const auto&) { one(member); };
    wire::Record::fields(record, row);
  }
  template <class T>
  void one(const std::vector<T>& values) {
    out_ << " [" << values.size();
    for (const T& value : values) one(value);
    out_ << ']';
  }

  std::ostringstream out_;
};

void say(Dump& dump, const GrantReply& reply) {
  for (const GrantAnswer& a : reply.answers) {
    dump.add("\n  grant", a.granted, a.serial, a.attempts, a.granted_at, a.start_by, a.lease_end,
             a.deadline, a.limiter_life, a.dispatcher_life, a.shadow_refused, a.why, a.limit,
             a.until, a.end, a.outbox);
  }
  dump.add("\n  edits", reply.outbox);
}
void say(Dump& dump, const CompleteReply& reply) {
  for (const CompleteAnswer& a : reply.answers) {
    dump.add("\n  complete", a.wrote, a.settled, a.end, a.due, a.attempts, a.closed_until,
             a.outbox);
  }
  dump.add("\n  latency", reply.latency);
}
void say(Dump& dump, const PeekReply& reply) {
  for (const KeyState& key : reply.keys) {
    dump.add("\n  key", key.logs, key.holds, key.closed_until, key.limits, key.in_flight,
             key.one_at_a_time, key.told_until, key.told_left, key.open);
  }
  dump.add("\n  latency", reply.latency);
}
void say(Dump& dump, const Acknowledged& reply) {
  dump.add("later word", reply.later_word);
  dump.add("acknowledged", reply.closed_until, reply.closed_by, reply.latency, reply.outbox);
}
void say(Dump& dump, const LimitsReply& reply) {
  dump.add("limits", reply.stale, reply.limits.version, reply.limits.by, reply.limits.at,
           wire::rows_of(reply.limits.limits));
  for (const std::int64_t number : numbers_of(reply.spans)) dump.add("span", Duration{number});
  say(dump, reply.shard);
}
void say(Dump& dump, const StoreFailed& reply) { dump.add("failed", reply.what, reply.full); }

}  // namespace

std::string dump(const StoreReply& reply) {
  Dump dump;
  dump.add("call", reply.call_id, reply.now, reply.limits_version);
  std::visit([&](const auto& answer) { say(dump, answer); }, reply.answer);
  return dump.text();
}

}  // namespace sluice::limiter
