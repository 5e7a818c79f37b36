// What the lines of the trail say: records, alerts, and the lines about the trail itself
// (docs/trail.md lists the fields). Pure.
//
// Names do not enter the trail: of key, id and body there are HMACs under the key's secret, and of
// a record's id one under the trail's own. Whoever destroys a key's secret has made all its lines
// anonymous.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auditor/trail_line.h"
#include "auditor/trail_port.h"
#include "auditor/watch.h"
#include "lib/wire/messages.h"

namespace sluice::auditor {

inline constexpr std::size_t kNameBytes = 16;  // HMAC-SHA-256, its first half

// A record's name in the trail: the same for the same record, also when it is sent again.
std::string record_name(std::string_view trail_secret, std::string_view record_id);

// The names of a message's key, id and body in the trail, as hex; empty for what is empty.
std::string key_name(std::string_view secret, std::string_view key);
std::string id_name(std::string_view secret, std::string_view id);
std::string body_name(std::string_view secret, std::string_view content_hash);

// The line of a record, and what its message is called in it.
struct RecordLine {
  std::uint64_t n = 0;
  std::string key;
  std::string id;
};

// Lines that follow each other: numbers, chain and segments are kept right.
class Chain {
 public:
  Chain(Tail tail, std::uint64_t segment_bytes_max);

  RecordLine add_record(const wire::Record& record, std::string_view name, std::string_view secret);
  // These two: the line's number.
  std::uint64_t add_alert(const wire::Alert& alert);
  // A torn last line of so many bytes was cut.
  std::uint64_t add_torn(std::uint64_t bytes, StoreTime at);

  [[nodiscard]] const Tail& tail() const { return tail_; }
  [[nodiscard]] const std::vector<TrailLine>& lines() const { return lines_; }
  std::vector<TrailLine> take() { return std::move(lines_); }

 private:
  LineWriter begin(std::string_view type, StoreTime at);
  std::uint64_t end(LineWriter& line, bool starts_segment = false);

  Tail tail_;
  std::uint64_t segment_bytes_max_;
  std::vector<TrailLine> lines_;
};

// A version of the limits as the trail has it; empty for 0.
std::string version_name(std::uint64_t version);

// Nothing unless the line is of that kind.
std::optional<std::string> record_name_of(const Line& line);
std::optional<AttemptSeen> attempt_of(const Line& line);
std::optional<wire::Alert> alert_of(const Line& line);
std::optional<LimitsSeen> limits_of(const Line& line);
// The same as attempt_of(the line that was written for it).
std::optional<AttemptSeen> attempt_of(const wire::Record& record, const RecordLine& line);

// The same as limits_of(the line that was written for it).
std::optional<LimitsSeen> limits_of(const wire::Record& record);

// A limit in one text, and back; nothing when it is none.
std::string limit_text(const Limit& limit);
std::optional<Limit> read_limit_text(std::string_view text);

}  // namespace sluice::auditor
