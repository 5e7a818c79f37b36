// What of a queue's message is kept with its row.
#include <algorithm>
#include <array>
#include <string_view>

#include "ingest/json.h"
#include "ingest/sqs_message.h"
#include "ingest/sqs_ours.h"
#include "lib/digest/digest.h"
#include "lib/port/json_text.h"

namespace sluice::ingest {

namespace {

using port::json_quoted;

std::string attributes_text(const aws::sqs::Attributes& attributes) {
  std::string text;
  for (const auto& [name, attribute] : attributes) {
    if (name == kSqsAttribute) continue;
    text += (text.empty() ? "{" : ",") + json_quoted(name) + ":[" + json_quoted(attribute.type) +
            "," + json_quoted(attribute.value) + "]";
  }
  return text.empty() ? text : text + "}";
}

bool is_text(const JsonValue& value) { return value.kind == JsonKind::kString; }

void read_attributes(JsonValue said, aws::sqs::Attributes& attributes) {
  for (const auto& [name, value] : json_members(said)) {
    if (value.kind != JsonKind::kArray) continue;
    const auto parts = json_items(value);
    if (parts.size() != 2 || !is_text(parts[0]) || !is_text(parts[1])) continue;
    attributes[name] = {json_string(parts[1]), json_string(parts[0])};
  }
}

}  // namespace

std::string sqs_envelope(const aws::sqs::Message& message, const wire::Offer& offer) {
  std::string text = "{";
  const std::string body =
      message.body == offer.request.body ? std::string() : json_quoted(message.body);
  const std::string group = message.group.empty() ? std::string() : json_quoted(message.group);
  const std::array<std::pair<std::string_view, std::string>, 3> all{
      {{"body", body}, {"group", group}, {"attributes", attributes_text(message.attributes)}}};
  for (const auto& [name, value] : all) {
    if (value.empty()) continue;
    text += (text.size() == 1 ? "\"" : ",\"") + std::string(name) + "\":" + value;
  }
  text += "}";
  return text.size() > wire::kEnvelopeMax ? std::string() : text;
}

// What is damaged is as if it had not been there: the message is not lost for it.
aws::sqs::Message sqs_message_of(const wire::Offer& row) {
  aws::sqs::Message message;
  message.id = to_hex(row.identity);  // a producer's may be no deduplication id
  message.body = row.request.body;
  message.sent = row.first_seen;
  if (row.envelope.empty() || json_trouble(row.envelope)) return message;
  const JsonValue whole = json_whole(row.envelope);
  if (whole.kind != JsonKind::kObject) return message;
  for (const auto& [name, value] : json_members(whole)) {
    if (name == "body" && is_text(value)) message.body = json_string(value);
    if (name == "group" && is_text(value)) message.group = json_string(value);
    if (name == "attributes" && value.kind == JsonKind::kObject) {
      read_attributes(value, message.attributes);
    }
  }
  return message;
}

}  // namespace sluice::ingest
