#include "auditor/trail_facts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "lib/base/check.h"
#include "lib/digest/digest.h"
#include "lib/wire/limits.h"

namespace sluice::auditor {
namespace {

constexpr std::array<std::string_view, 7> kKinds = {"",     "attempt", "settlement", "late",
                                                    "hold", "limits",  "consume"};
constexpr std::array<std::string_view, 7> kEnded = {
    "", "delivered", "refused", "failed", "throttled", "unknown", "not_started"};
constexpr std::array<std::string_view, 5> kSettlements = {"", "delivered", "dead", "expired",
                                                          "cancelled"};
constexpr std::array<std::string_view, 4> kSeverities = {"", "info", "warning", "critical"};
constexpr std::string_view kLabel = "label.";
constexpr std::string_view kLimit = "limit.";

// A number that this program does not know is written as "?": the trail must not lose a line.
template <std::size_t N>
std::string_view word(const std::array<std::string_view, N>& words, std::size_t index) {
  return index < N ? words[index] : "?";
}

template <std::size_t N>
std::uint32_t index_of(const std::array<std::string_view, N>& words, std::string_view word) {
  for (std::size_t index = 0; index < N; ++index) {
    if (words[index] == word) return static_cast<std::uint32_t>(index);
  }
  return 0;
}

std::string name_under(std::string_view secret, std::string_view what, std::string_view value) {
  std::string bytes(what);
  bytes.push_back('\0');
  bytes.append(value);
  return to_bytes(hmac_sha256(secret, bytes)).substr(0, kNameBytes);
}

std::string hex_name(std::string_view secret, std::string_view what, std::string_view value) {
  return value.empty() ? std::string() : to_hex(name_under(secret, what, value));
}

std::string hex_of(std::uint64_t number) {
  std::string bytes;
  for (unsigned shift = 64; shift > 0; shift -= 8) {
    bytes.push_back(static_cast<char>((number >> (shift - 8)) & 255U));
  }
  return to_hex(bytes);
}

void write_message(LineWriter& line, const wire::Record& record, const RecordLine& names,
                   std::string_view secret) {
  line.text("upstream", record.upstream)
      .text("source", record.source)
      .text("key", names.key)
      .text("id", names.id)
      .number("generation", record.generation)
      .text("body", body_name(secret, record.content_hash))
      .text("method", record.method)
      .text("path", record.path);
}

void write_attempt(LineWriter& line, const wire::Record& record) {
  line.number("serial", record.serial)
      .number("attempts", record.attempts)
      .text("ended", word(kEnded, record.ended))
      .number("status", record.status)
      .number("granted_at", record.granted_at.us)
      .number("started_at", record.started_at.us)
      .number("completed_at", record.completed_at.us)
      .number("could_go_at", record.could_go_at.us)
      .text("settlement", word(kSettlements, record.settlement))
      .text("reason", record.reason)
      .number("until", record.until.us)
      .text("limits", version_name(record.limits_version))
      .text("limiter", hex_of(record.limiter_life))
      .text("dispatcher", hex_of(record.dispatcher_life))
      .text("trace", record.traceparent);
  if (record.units > 1) line.number("units", record.units);
}

// Of an edit: limit.1, limit.2 ... in the settings' order.
void write_limits(LineWriter& line, const wire::Record& record) {
  if (record.kind != wire::RecordKind::kLimits) return;
  line.text("before", version_name(record.limits_before));
  std::size_t number = 0;
  for (const Limit& limit : wire::limits_of(record.limit_rows)) {
    line.text(std::string(kLimit) + std::to_string(++number), limit_text(limit));
  }
}

bool is_real_attempt(std::string_view type, std::string_view ended) {
  return (type == "attempt" || type == "late") && !ended.empty() && ended != "not_started";
}

}  // namespace

std::string record_name(std::string_view trail_secret, std::string_view record_id) {
  return name_under(trail_secret, "record", record_id);
}
std::string key_name(std::string_view secret, std::string_view key) {
  return hex_name(secret, "key", key);
}
std::string id_name(std::string_view secret, std::string_view id) {
  return hex_name(secret, "id", id);
}
std::string body_name(std::string_view secret, std::string_view content_hash) {
  return hex_name(secret, "body", content_hash);
}

std::string version_name(std::uint64_t version) {
  return version == 0 ? std::string() : hex_of(version);
}

Chain::Chain(Tail tail, std::uint64_t segment_bytes_max)
    : tail_(std::move(tail)), segment_bytes_max_(segment_bytes_max) {
  CHECK(tail_.hash.size() == kHashBytes);
}

LineWriter Chain::begin(std::string_view type, StoreTime at) {
  if (tail_.segment == 0 || tail_.segment_bytes >= segment_bytes_max_) {
    LineWriter header(tail_.line + 1, "segment", at);
    header.number("version", 1)
        .number("segment", static_cast<std::int64_t>(tail_.segment + 1))
        .text("follows", to_hex(tail_.hash));
    ++tail_.segment;
    tail_.segment_bytes = 0;
    end(header, true);
  }
  return LineWriter(tail_.line + 1, type, at);
}

std::uint64_t Chain::end(LineWriter& line, bool starts_segment) {
  lines_.push_back({line.finish(tail_.hash), starts_segment});
  tail_.segment_bytes += lines_.back().text.size() + 1;
  return ++tail_.line;
}

RecordLine Chain::add_record(const wire::Record& record, std::string_view name,
                             std::string_view secret) {
  RecordLine written{0, key_name(secret, record.key), id_name(secret, record.id)};
  LineWriter line = begin(word(kKinds, static_cast<std::size_t>(record.kind)), record.at);
  line.text("record", to_hex(name));
  write_message(line, record, written, secret);
  write_attempt(line, record);
  write_limits(line, record);
  written.n = end(line);
  return written;
}

std::uint64_t Chain::add_alert(const wire::Alert& alert) {
  LineWriter line = begin("alert", alert.at);
  line.text("alert", alert.alert_id)
      .text("dedup", alert.dedup_key)
      .text("period", alert.period)
      .text("severity", word(kSeverities, static_cast<std::size_t>(alert.severity)))
      .text("kind", alert.kind)
      .text("title", alert.title)
      .text("text", alert.text);
  for (const wire::Header& label : alert.labels) {
    line.text(std::string(kLabel) + label.name, label.value);
  }
  return end(line);
}

std::uint64_t Chain::add_torn(std::uint64_t bytes, StoreTime at) {
  LineWriter line = begin("torn", at);
  line.number("bytes", static_cast<std::int64_t>(bytes));
  return end(line);
}

std::optional<std::string> record_name_of(const Line& line) {
  std::string name = from_hex(line.text("record"));
  if (name.size() != kNameBytes) return {};
  return name;
}

std::optional<AttemptSeen> attempt_of(const Line& line) {
  if (!is_real_attempt(line.type, line.text("ended"))) return {};
  AttemptSeen seen;
  seen.upstream = line.text("upstream");
  seen.key = line.text("key");
  seen.message = std::string(line.text("source")) + "/" + std::string(line.text("id")) + "/" +
                 std::to_string(line.number("generation"));
  seen.serial = static_cast<std::uint32_t>(line.number("serial"));
  seen.granted = {line.number("granted_at")};
  seen.completed = {line.number("completed_at")};
  seen.answered = line.number("status") != 0;
  seen.line = line.n;
  seen.limits = line.text("limits");
  seen.units = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(line.number("units"), 1, std::numeric_limits<std::uint32_t>::max()));
  return seen;
}

std::optional<AttemptSeen> attempt_of(const wire::Record& record, const RecordLine& line) {
  const std::string_view type = word(kKinds, static_cast<std::size_t>(record.kind));
  if (!is_real_attempt(type, word(kEnded, record.ended))) return {};
  AttemptSeen seen;
  seen.upstream = record.upstream;
  seen.key = line.key;
  seen.message = record.source + "/" + line.id + "/" + std::to_string(record.generation);
  seen.serial = record.serial;
  seen.granted = record.granted_at;
  seen.completed = record.completed_at;
  seen.answered = record.status != 0;
  seen.line = line.n;
  seen.limits = version_name(record.limits_version);
  seen.units = std::max<std::uint32_t>(record.units, 1);
  return seen;
}

std::string limit_text(const Limit& limit) {
  std::string text = limit.scope == LimitScope::kKey ? "key" : "upstream";
  text += limit.kind == LimitKind::kRate ? " rate" : " concurrency";
  for (const std::int64_t number :
       {std::int64_t{limit.n}, limit.window.us, std::int64_t{limit.burst}, limit.guard.us}) {
    text += " " + std::to_string(number);
  }
  return text + (limit.shadow ? " shadow " : " rules ") + limit.name;
}

std::optional<Limit> read_limit_text(std::string_view text) {
  const auto word = [&text] {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return taken;
  };
  bool good = true;
  const auto either = [&](std::string_view usual, std::string_view other) {
    const std::string_view said = word();
    good = good && (said == usual || said == other);
    return said == other;
  };
  const auto number = [&](std::int64_t max) {
    const std::string_view said = word();
    std::int64_t value = 0;
    const auto [stop, error] = std::from_chars(said.data(), said.data() + said.size(), value);
    good = good && error == std::errc() && stop == said.data() + said.size() && value >= 0 &&
           value <= max;
    return value;
  };
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  Limit limit;
  if (either("key", "upstream")) limit.scope = LimitScope::kUpstream;
  if (either("rate", "concurrency")) limit.kind = LimitKind::kConcurrency;
  limit.n = static_cast<std::uint32_t>(number(kMost));
  limit.window = {number(wire::kSpanMax)};
  limit.burst = static_cast<std::uint32_t>(number(kMost));
  limit.guard = {number(wire::kSpanMax)};
  limit.shadow = either("rules", "shadow");
  limit.name = text;
  if (!good || limit.n == 0 || limit.window.us == 0) return {};
  return limit;
}

std::optional<LimitsSeen> limits_of(const Line& line) {
  if (line.type != "limits") return {};
  LimitsSeen seen{
      std::string(line.text("upstream")), std::string(line.text("limits")), {}, line.at};
  for (const auto& [name, value] : line.texts) {
    if (!name.starts_with(kLimit)) continue;
    const auto limit = read_limit_text(value);
    if (!limit) return {};
    seen.limits.push_back(*limit);
  }
  if (seen.limits.empty() || seen.version.empty()) return {};
  return seen;
}

std::optional<LimitsSeen> limits_of(const wire::Record& record) {
  const bool told = record.kind == wire::RecordKind::kLimits && !record.limit_rows.empty() &&
                    record.limits_version != 0;
  if (!told) return {};
  return LimitsSeen{record.upstream, version_name(record.limits_version),
                    wire::limits_of(record.limit_rows), record.at};
}

std::optional<wire::Alert> alert_of(const Line& line) {
  if (line.type != "alert") return {};
  wire::Alert alert;
  alert.cursor = line.n;
  alert.alert_id = line.text("alert");
  alert.dedup_key = line.text("dedup");
  alert.period = line.text("period");
  alert.severity = static_cast<wire::Severity>(index_of(kSeverities, line.text("severity")));
  alert.kind = line.text("kind");
  alert.title = line.text("title");
  alert.text = line.text("text");
  alert.at = line.at;
  for (const auto& [name, value] : line.texts) {
    if (name.starts_with(kLabel)) alert.labels.push_back({name.substr(kLabel.size()), value});
  }
  return alert;
}

}  // namespace sluice::auditor
