#include "ingest/sqs_ours.h"

#include <charconv>

#include "ingest/json.h"
#include "lib/digest/digest.h"

namespace sluice::ingest {

namespace {

std::optional<JsonValue> at(const std::string& text, const char* pointer, JsonKind kind) {
  if (text.empty()) return std::nullopt;
  const auto found = json_at(json_whole(text), pointer);
  if (!found || !*found || (**found).kind != kind) return std::nullopt;
  return **found;
}

}  // namespace

std::string sqs_group_of(const std::string& key) { return to_hex(to_bytes(sha256(key))); }

SqsOurs::SqsOurs(const aws::sqs::Message& message) {
  const auto ours = message.attributes.find(kSqsAttribute);
  if (ours != message.attributes.end() && !json_trouble(ours->second.value)) {
    text_ = ours->second.value;
  }
}

std::string SqsOurs::text(const char* pointer) const {
  const auto value = at(text_, pointer, JsonKind::kString);
  return value ? json_string(*value) : "";
}

std::int32_t SqsOurs::number(const char* pointer, std::int32_t least, std::int32_t most) const {
  const auto value = at(text_, pointer, JsonKind::kNumber);
  if (!value) return 0;
  const char* end = value->text.data() + value->text.size();
  std::int32_t number = 0;
  const auto read = std::from_chars(value->text.data(), end, number);
  const bool whole = read.ec == std::errc{} && read.ptr == end;
  return whole && number >= least && number <= most ? number : 0;
}

}  // namespace sluice::ingest
