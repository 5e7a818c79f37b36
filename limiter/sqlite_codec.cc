#include "limiter/sqlite_codec.h"

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "limiter/varint.h"

namespace sluice::limiter {

namespace {

constexpr char kVersion = 7, kOldest = 3;
// Rows of wire::Record's table from this one on are of the shard's own lines alone.
constexpr int kRowsOfEdits = 29;

template <class T, class Of>
concept Is = std::same_as<std::remove_const_t<T>, Of>;
template <class T>
concept IsTime = Is<T, StoreTime> || Is<T, Duration>;

// ---- which members, in which order: the same list writes and reads ---------------------------

template <class A, Is<Slot> T>
void members(A& all, T& v) {
  all(v.attempt.identity, v.attempt.serial, v.open, v.units, v.at, v.granted_at);
}
template <class A, Is<LimitLog> T>
void members(A& all, T& v) {
  all(v.slots, v.counted, v.tat);
}
template <class A, Is<SubWindow> T>
void members(A& all, T& v) {
  all(v.end, v.units);
}
template <class A, Is<Told> T>
void members(A& all, T& v) {
  all(v.at, v.until, v.left);
}
template <class A, Is<Limit> T>
void members(A& all, T& v) {
  all(v.name, v.scope, v.n, v.window, v.burst, v.guard, v.kind, v.shadow);
}
template <class A, Is<NamedLog> T>
void members(A& all, T& v) {
  all(v.limit, v.log);
}
template <class A, Is<OpenAttempt> T>
void members(A& all, T& v) {
  all(v.attempt.identity, v.attempt.serial, v.lease_end, v.dispatcher_life);
}
template <class A, Is<wire::Hold> T>
void members(A& all, T& v) {
  all(v.kind, v.until, v.by, v.said_at);
}
template <class A, Is<KeyRecord> T>
void members(A& all, T& v) {
  all(v.logs, v.open, v.holds, v.penalties, v.penalised_at, v.reopened_at, v.told, v.idle_at);
}
template <class A, Is<GivenUp> T>
void members(A& all, T& v) {
  all(v.serial, v.counted);
}
template <class A, Is<End> T>
void members(A& all, T& v) {
  all(v.settlement, v.reason, v.status, v.attempts, v.at, v.answer);
}
template <class A, Is<MessageRecord> T>
void members(A& all, T& v) {
  all(v.stage, v.line, v.serial, v.attempts, v.throttles, v.cost, v.keep_answer, v.granted_at,
      v.start_by, v.lease_end, v.limiter_life, v.dispatcher_life, v.due, v.given_up, v.end,
      v.outbox, v.expires_at, v.purge_at, v.late_end);
}
template <class A, Is<KnownLimit> T>
void members(A& all, T& v) {
  all(v.limit, v.log, v.since, v.held_until, v.held);
}
template <class A, Is<Spans> T>
void members(A& all, T& v) {
  all(v.unknown_hold, v.start_window, v.timeout, v.max_pause, v.on_unknown, v.attempts_max,
      v.throttles_max, v.penalty_max, v.store_overlap, v.close_max, v.record_min, v.record_max,
      v.in_flight_per_key, v.in_flight, v.clock_error_max);
}
template <class A, Is<SettingsSaid> T>
void members(A& all, T& v) {
  all(v.instance, v.file_version, v.at, v.spans);
}
template <class A, Is<ShardRecord> T>
void members(A& all, T& v) {
  all(v.last, v.offset, v.life, v.opened_at, v.closed_until, v.limits_version, v.edits, v.limits,
      v.outbox, v.latency);
  all.before(7, std::vector<std::uint64_t>{});  // lives of callers that knew store time
  all(v.keys_until);
  all.since(4, v.keys_since, v.stretched);
  all.since(5, v.by, v.edited_at, v.file_version);
  for (auto& line : v.outbox) all.since(5, line.limit_rows, line.limits_before);
  all.since(6, v.said, v.spans, v.spans_version, v.tail, v.closed_by);
}
template <class A, Is<wire::Limit> T>
void members(A& all, T& v) {
  auto row = [&](int, const char*, auto& member, const auto&) { all(member); };
  wire::Limit::fields(v, row);
}
// A line of the trail: the rows of its own table (lib/wire/messages.h), but those of edits.
template <class A, Is<wire::Record> T>
void members(A& all, T& v) {
  auto row = [&](int number, const char*, auto& member, const auto& bound) {
    if constexpr (!std::is_same_v<std::decay_t<decltype(bound)>, wire::Many>) {
      if (number < kRowsOfEdits) all(member);
    }
  };
  wire::Record::fields(v, row);
}

// ---- writing ---------------------------------------------------------------------------------

class Writer {
 public:
  Writer() {
    bytes.reserve(kMostly);
    bytes.push_back(kVersion);
  }
  template <class... T>
  void operator()(const T&... values) {
    (one(values), ...);
  }
  template <class... T>
  void since(char, const T&... values) {
    (one(values), ...);
  }
  template <class T>
  void before(char, const T&) {}
  std::string bytes;

 private:
  static constexpr std::size_t kMostly = 1024;  // few records are larger

  template <class T>
  void one(const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      number(value.size());
      bytes += value;
    } else if constexpr (IsTime<T>) {
      zigzag(value.us);
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      number(static_cast<std::uint64_t>(value));
    } else {
      members(*this, value);
    }
  }
  template <class T>
  void one(const std::vector<T>& values) {
    number(values.size());
    for (const T& value : values) one(value);
  }
  void zigzag(std::int64_t value) {
    number((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  void number(std::uint64_t value) { append_varint(bytes, value); }
};

// ---- reading ---------------------------------------------------------------------------------

class Reader {
 public:
  Reader(std::string_view bytes, char version) : left_(bytes), version_(version) {}
  template <class... T>
  void operator()(T&... values) {
    (one(values), ...);
  }
  // Members that older versions do not have.
  template <class... T>
  void since(char version, T&... values) {
    if (version_ >= version) (one(values), ...);
  }
  // A member that only older ones have.
  template <class T>
  void before(char version, T gone) {
    if (version_ < version) one(gone);
  }
  [[nodiscard]] bool whole() const { return good_ && left_.empty(); }

 private:
  template <class T>
  void one(T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      const std::size_t size = count();
      value.assign(left_.substr(0, size));
      left_.remove_prefix(size);
    } else if constexpr (IsTime<T>) {
      const std::uint64_t coded = number();
      value.us = static_cast<std::int64_t>((coded >> 1) ^ (~(coded & 1) + 1));
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      value = static_cast<T>(number());
    } else {
      members(*this, value);
    }
  }
  template <class T>
  void one(std::vector<T>& values) {
    values.clear();
    const std::size_t size = count();  // each takes a byte at least
    values.reserve(size);
    for (std::size_t i = 0; i < size && good_; ++i) one(values.emplace_back());
  }
  std::size_t count() {
    const std::uint64_t size = number();
    if (size <= left_.size()) return static_cast<std::size_t>(size);
    good_ = false;
    return 0;
  }
  std::uint64_t number() {
    const std::optional<std::uint64_t> value = take_varint(left_);
    if (!value) good_ = false;
    return value.value_or(0);
  }

  std::string_view left_;
  char version_;
  bool good_ = true;
};

template <class T>
std::string written(const T& record) {
  Writer writer;
  writer(record);
  return std::move(writer.bytes);
}

template <class T>
bool read(std::string_view bytes, T& into) {
  if (bytes.empty() || bytes.front() < kOldest || bytes.front() > kVersion) return false;
  Reader reader(bytes.substr(1), bytes.front());
  reader(into);
  return reader.whole();
}

}  // namespace

std::string encode(const MessageRecord& record) { return written(record); }
std::string encode(const KeyRecord& record) { return written(record); }
std::string encode(const ShardRecord& record) { return written(record); }
bool decode(std::string_view bytes, MessageRecord& into) { return read(bytes, into); }
bool decode(std::string_view bytes, KeyRecord& into) { return read(bytes, into); }
bool decode(std::string_view bytes, ShardRecord& into) { return read(bytes, into); }

}  // namespace sluice::limiter
