#include "limiter/redis_lines.h"

#include <type_traits>

#include "lib/wire/closure_words.h"
#include "lib/wire/limits.h"
#include "limiter/trail_line.h"
#include "limiter/varint.h"

namespace sluice::limiter {

namespace {

// Which members a delta sets (lua/messages.lua).
enum Sets : std::uint32_t {
  kGranted = 1,
  kEnded = 2,
  kStarted = 4,
  kCompleted = 8,
  kUntil = 16,
  kSettles = 32,
  kVersion = 64,
  kReason = 128,
  kOwn = 256
};

// Rows of wire::Record's table from this one on are of the shard's own lines alone.
constexpr int kRowsOfEdits = 29;
// What one of a closure has for the number of its limits.
constexpr std::size_t kOfClosure = 65'535;

// The blob: each row of wire::Record's table, text with its length, whole numbers as varints.
struct BlobWriter {
  std::string bytes;
  void number(std::uint64_t value) { append_varint(bytes, value); }
  template <class T>
  void one(const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      number(value.size());
      bytes += value;
    } else if constexpr (std::is_same_v<T, StoreTime>) {
      number(static_cast<std::uint64_t>(value.us));
    } else {
      number(static_cast<std::uint64_t>(value));
    }
  }
};

struct BlobReader {
  RedisUnpacker from;
  template <class T>
  void one(T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      value = std::string(from.raw(from.varint()));
    } else if constexpr (std::is_same_v<T, StoreTime>) {
      value.us = static_cast<std::int64_t>(from.varint());
    } else {
      value = static_cast<T>(from.varint());
    }
  }
};

// Of whom a line speaks.
struct Subject {
  std::string hash;
  std::string key;
  std::string blob;
};

Subject read_subject(RedisUnpacker& from) {
  Subject subject;
  subject.hash = from.text8();
  subject.key = from.text16();
  subject.blob = from.text32();
  return subject;
}

wire::Record line_of(const Subject& subject, RedisUnpacker& from) {
  wire::Record line;
  if (!subject.blob.empty()) {
    BlobReader reader{RedisUnpacker(subject.blob)};
    auto row = [&](int number, const char*, auto& member, const auto& bound) {
      if constexpr (!std::is_same_v<std::decay_t<decltype(bound)>, wire::Many>) {
        if (number < kRowsOfEdits) reader.one(member);
      }
    };
    wire::Record::fields(line, row);
    if (!reader.from.whole()) from.spoil();
  }
  line.content_hash = subject.hash;
  line.key = subject.key;
  return line;
}

// One delta. The order is that of LINE in lua/messages.lua.
wire::Record read_line(RedisUnpacker& from, const Subject& subject, const std::string& identity) {
  from.u32();  // its length
  const auto kind = static_cast<wire::RecordKind>(from.u8());
  const std::uint32_t serial = from.u32(), sets = from.u16();
  const StoreTime at = from.time();
  const std::uint32_t attempts = from.u32(), units = from.u32();
  const StoreTime granted_at = from.time();
  const std::uint64_t limiter_life = from.u64(), dispatcher_life = from.u64();
  const std::uint32_t ended = from.u8(), status = from.u32();
  const StoreTime started_at = from.time(), completed_at = from.time(), until = from.time();
  const std::uint32_t settlement = from.u8();
  const std::uint64_t version = from.u64();
  const std::string reason = from.text16();
  wire::Record line = line_of((sets & kOwn) != 0 ? read_subject(from) : subject, from);
  line.identity = identity;
  line.record_id = record_id_of(identity, serial, kind);
  line.kind = kind;
  line.at = at;
  line.serial = serial;
  line.attempts = attempts;
  line.units = units;
  if ((sets & kGranted) != 0) {
    line.granted_at = granted_at;
    line.limiter_life = limiter_life;
    line.dispatcher_life = dispatcher_life;
  }
  if ((sets & kEnded) != 0) line.ended = ended;
  if ((sets & kStarted) != 0) line.status = status, line.started_at = started_at;
  if ((sets & kCompleted) != 0) line.completed_at = completed_at;
  if ((sets & kUntil) != 0) line.until = until;
  if ((sets & kSettles) != 0) line.settlement = settlement;
  if ((sets & kVersion) != 0) line.limits_version = version;
  if ((sets & kReason) != 0 || line.reason.empty()) line.reason = reason;
  return line;
}

// The words of the line say until when, and why.
bool read_closure(wire::Record& line) {
  RedisUnpacker words(line.reason);
  line.kind = wire::RecordKind::kHold;
  line.until = words.time();
  const std::size_t why = words.u8();
  if (!words.whole() || why >= wire::kClosureWords.size()) return false;
  line.reason = words_of_closure(static_cast<ClosedBy>(why));
  return true;
}

}  // namespace

std::vector<Limit> read_limits(RedisUnpacker& from, std::size_t count) {
  std::vector<Limit> limits;
  for (std::size_t i = 0; i < count && !from.bad(); ++i) {
    Limit limit;
    from.u16();  // its log
    limit.scope = from.u8() == 1 ? LimitScope::kUpstream : LimitScope::kKey;
    limit.kind = from.u8() == 1 ? LimitKind::kConcurrency : LimitKind::kRate;
    limit.shadow = from.u8() == 1;
    limit.n = from.u32();
    limit.window = from.span();
    limit.burst = from.u32();
    limit.guard = from.span();
    from.time(), from.time(), from.u32();  // what the shard knows of it
    limit.name = from.text8();
    limits.push_back(std::move(limit));
  }
  return limits;
}

std::string blob_of(const wire::Record& line) {
  BlobWriter writer;
  const std::string nothing;
  auto row = [&](int number, const char*, const auto& member, const auto& bound) {
    if (number >= kRowsOfEdits) return;
    if constexpr (std::is_same_v<std::decay_t<decltype(member)>, std::string>) {
      const bool elsewhere = &member == &line.record_id || &member == &line.identity ||
                             &member == &line.content_hash || &member == &line.key ||
                             &member == &line.upstream;
      writer.one(elsewhere ? nothing : member);
    } else if constexpr (!std::is_same_v<std::decay_t<decltype(bound)>, wire::Many>) {
      writer.one(member);
    }
  };
  wire::Record::fields(line, row);
  return std::move(writer.bytes);
}

std::vector<wire::Record> read_outbox(RedisUnpacker& from, const std::string& identity,
                                      const std::string& upstream) {
  std::vector<wire::Record> lines;
  const std::size_t count = from.u16();
  if (count == 0) return lines;
  const Subject subject = read_subject(from);
  for (std::size_t i = 0; i < count && !from.bad(); ++i) {
    lines.push_back(read_line(from, subject, identity));
    lines.back().upstream = upstream;
  }
  return lines;
}

std::vector<OwnLine> read_own_lines(RedisUnpacker from, std::size_t count,
                                    const std::string& upstream) {
  std::vector<OwnLine> lines;
  for (std::size_t i = 0; i < count && !from.bad(); ++i) {
    from.u32();  // its length
    OwnLine own;
    own.number = static_cast<std::uint64_t>(from.number());
    wire::Record& line = own.line;
    line.at = from.time();
    line.limits_version = from.u64();
    line.limits_before = from.u64();
    const std::size_t limits = from.u16();
    line.reason = from.text16();
    if (limits == kOfClosure) {
      if (!read_closure(line)) from.spoil();
    } else {
      line.kind = wire::RecordKind::kLimits;
      line.limit_rows = wire::rows_of(read_limits(from, limits));
    }
    line.upstream = upstream;
    line.record_id = edit_id_of(upstream, own.number, line.at);
    if (!from.bad()) lines.push_back(std::move(own));
  }
  return lines;
}

End read_end(RedisUnpacker& from) {
  End end;
  const std::size_t size = from.u32();
  if (size == 0) return end;
  end.settlement = static_cast<wire::Settlement>(from.u8());
  end.status = from.u32();
  end.attempts = from.u32();
  end.at = from.time();
  end.reason = from.text16();
  end.answer = from.text32();
  return end;
}

}  // namespace sluice::limiter
