#include "ingest/sqs_posted.h"

#include "ingest/sqs_message.h"
#include "ingest/sqs_ours.h"
#include "lib/aws/sqs_batches.h"
#include "lib/base/calendar.h"
#include "lib/digest/digest.h"
#include "lib/port/json_text.h"

namespace sluice::ingest {

namespace {

using port::json_quoted;

std::string ours_text(const wire::Offer& message) {
  std::string text = "{\"posted\":1,\"id\":" + json_quoted(message.id) +
                     ",\"first_seen\":" + json_quoted(timestamp_of(message.first_seen));
  if (!message.traceparent.empty()) {
    text += ",\"traceparent\":" + json_quoted(message.traceparent);
  }
  return text + "}";
}

// U+FFFE and U+FFFF are characters of JSON, and none of XML 1.0, which is what SQS takes.
bool has_noncharacter(std::string_view text) {
  return text.find("\xef\xbf\xbe") != std::string_view::npos ||
         text.find("\xef\xbf\xbf") != std::string_view::npos;
}

}  // namespace

aws::sqs::Entry sqs_posted(const wire::Offer& message, const std::string& document, bool is_fifo) {
  aws::sqs::Message plain;
  plain.body = document;
  aws::sqs::Entry entry = sqs_with_ours(plain, ours_text(message));
  entry.group = sqs_group_of(message.key);
  if (is_fifo) entry.deduplication_id = to_hex(to_bytes(sha256(message.identity)));
  return entry;
}

std::optional<Refusal> sqs_posted_trouble(const wire::Offer& message, const std::string& document,
                                          std::size_t bytes_max) {
  if (has_noncharacter(document) || has_noncharacter(message.id)) {
    return Refusal{400, "",
                   "has a character that SQS does not take, U+FFFE or U+FFFF: write it as \\ufffe"};
  }
  const std::size_t most = bytes_max != 0 ? bytes_max : aws::sqs::kBatchBytesMax;
  const std::size_t bytes = aws::sqs::bytes_of(sqs_posted(message, document, false));
  if (bytes <= most) return std::nullopt;
  return Refusal{413, "",
                 "the document and what Sluice sends with it have " + std::to_string(bytes) +
                     " bytes, and its queue takes at most " + std::to_string(most) +
                     " (MaximumMessageSize)"};
}

bool is_sqs_posted(const aws::sqs::Message& message) {
  return SqsOurs(message).count("/posted", 1) == 1;
}

}  // namespace sluice::ingest
