#include "lib/aws/sqs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/aws/json_fields.h"
#include "lib/aws/operation.h"
#include "lib/aws/sqs_md5.h"
#include "lib/base/check.h"

namespace sluice::aws::sqs {

namespace {

using nlohmann::json;

// Ten of 1 MiB, as JSON writes them.
constexpr std::size_t kReceivedMax = 32UL * 1024 * 1024;
// What a long poll's answer may take beyond its wait.
constexpr Duration kSlack = seconds(10);

std::int64_t whole_seconds(Duration span) { return (span.us + 999'999) / 1'000'000; }

Request request(std::string_view operation, const json& body) {
  Request made = request_for("sqs", operation);
  made.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  return made;
}

template <class Of, class Fill>
Request batch(std::string_view operation, const std::string& queue_url, const std::vector<Of>& of,
              Fill fill) {
  CHECK(!of.empty() && of.size() <= kBatchMax);
  json entries = json::array();
  for (std::size_t i = 0; i < of.size(); ++i) {
    json entry = {{"Id", entry_id(i)}};
    fill(of[i], entry);
    entries.push_back(std::move(entry));
  }
  return request(operation, {{"QueueUrl", queue_url}, {"Entries", std::move(entries)}});
}

StoreTime time_at(const json& of, const char* name) { return {number_at(of, name) * 1'000}; }

// Which member of an attribute has its value.
const char* value_of(const std::string& type) {
  return type.starts_with("Binary") ? "BinaryValue" : "StringValue";
}

// False: it has some that are not read.
bool read_attributes(const json& from, Attributes& into) {
  const json* attributes = member(from, "MessageAttributes");
  if (attributes == nullptr) return true;
  bool all = attributes->is_object();
  if (!all) return false;
  for (const auto& [name, value] : attributes->items()) {
    const std::string type = text_at(value, "DataType");
    const bool has = member(value, value_of(type)) != nullptr;
    all = all && has;
    if (has) into[name] = {text_at(value, value_of(type)), type};
  }
  return all;
}

std::string damage_of(const json& from, const Message& message, bool has_all_attributes) {
  if (differ(text_at(from, "MD5OfBody"), md5_of(message.body))) return "MD5OfBody";
  const std::string said = text_at(from, "MD5OfMessageAttributes");
  const bool same = !has_all_attributes || !differ(said, md5_of(message.attributes));
  return same ? "" : "MD5OfMessageAttributes";
}

Message message_of(const json& from) {
  Message message{text_at(from, "MessageId"), text_at(from, "ReceiptHandle"),
                  text_at(from, "Body")};
  if (const json* said = member(from, "Attributes")) {
    message.receives = static_cast<std::uint32_t>(number_at(*said, "ApproximateReceiveCount"));
    message.sent = time_at(*said, "SentTimestamp");
    message.first_received = time_at(*said, "ApproximateFirstReceiveTimestamp");
    message.group = text_at(*said, "MessageGroupId");
    message.sequence = text_at(*said, "SequenceNumber");
  }
  const bool all = read_attributes(from, message.attributes);
  message.damage = damage_of(from, message, all);
  return message;
}

void read_redrive(const std::string& policy, QueueAttributes& into) {
  const json said = json::parse(policy, nullptr, false);
  into.receives_max = static_cast<std::uint32_t>(number_at(said, "maxReceiveCount"));
  into.dead_letter_arn = text_at(said, "deadLetterTargetArn");
}

}  // namespace

Request receive_message(const Receive& what) {
  CHECK(what.messages_max >= 1 && what.messages_max <= kBatchMax);
  json body = {{"QueueUrl", what.queue_url},
               {"MaxNumberOfMessages", what.messages_max},
               {"WaitTimeSeconds", std::min<std::int64_t>(20, whole_seconds(what.wait))},
               {"MessageSystemAttributeNames",
                {"ApproximateReceiveCount", "SentTimestamp", "ApproximateFirstReceiveTimestamp",
                 "MessageGroupId", "SequenceNumber"}}};
  if (what.visibility) body["VisibilityTimeout"] = whole_seconds(*what.visibility);
  if (!what.attributes.empty()) body["MessageAttributeNames"] = what.attributes;
  if (!what.attempt.empty()) body["ReceiveRequestAttemptId"] = what.attempt;
  Request made = request("ReceiveMessage", body);
  made.timeout = what.wait + kSlack;
  made.answer_max = kReceivedMax;
  return made;
}

Reply<std::vector<Message>> read_received(const Outcome& outcome) {
  if (outcome.fault) return refusal_of(outcome);
  const json answer = json::parse(outcome.answer, nullptr, false);
  if (!answer.is_object()) return unreadable("ReceiveMessage: no JSON object");
  std::vector<Message> messages;
  for_each_at(answer, "Messages", [&](const json& one) {
    Message message = message_of(one);
    const bool usable =
        !message.id.empty() && !message.receipt.empty() && member(one, "Body") != nullptr;
    if (usable) messages.push_back(std::move(message));
  });
  return messages;
}

Request send_message_batch(const std::string& queue_url, const std::vector<Entry>& entries) {
  return batch("SendMessageBatch", queue_url, entries, [](const Entry& from, json& entry) {
    entry["MessageBody"] = from.body;
    if (from.delay) entry["DelaySeconds"] = whole_seconds(*from.delay);
    if (!from.group.empty()) entry["MessageGroupId"] = from.group;
    if (!from.deduplication_id.empty()) entry["MessageDeduplicationId"] = from.deduplication_id;
    for (const auto& [name, value] : from.attributes) {
      entry["MessageAttributes"][name] = {{"DataType", value.type},
                                          {value_of(value.type), value.value}};
    }
  });
}

Request delete_message_batch(const std::string& queue_url,
                             const std::vector<std::string>& receipts) {
  return batch("DeleteMessageBatch", queue_url, receipts,
               [](const std::string& receipt, json& entry) { entry["ReceiptHandle"] = receipt; });
}

Request change_message_visibility_batch(const std::string& queue_url,
                                        const std::vector<Visibility>& entries) {
  return batch("ChangeMessageVisibilityBatch", queue_url, entries,
               [](const Visibility& from, json& entry) {
                 entry["ReceiptHandle"] = from.receipt;
                 const Duration within = std::clamp(from.timeout, Duration{}, kVisibilityMax);
                 entry["VisibilityTimeout"] = whole_seconds(within);
               });
}

Reply<std::vector<EntryFate>> read_batch(const Outcome& outcome, std::size_t asked) {
  if (outcome.fault) return refusal_of(outcome);
  return fates_of(outcome.answer, asked);
}

Request get_queue_url(const std::string& name, const std::string& owner_account) {
  json body = {{"QueueName", name}};
  if (!owner_account.empty()) body["QueueOwnerAWSAccountId"] = owner_account;
  return request("GetQueueUrl", body);
}

Reply<std::string> read_queue_url(const Outcome& outcome) {
  if (outcome.fault) return refusal_of(outcome);
  std::string url = text_at(json::parse(outcome.answer, nullptr, false), "QueueUrl");
  if (url.empty()) return unreadable("GetQueueUrl: no QueueUrl");
  return url;
}

Request get_queue_attributes(const std::string& queue_url) {
  return request("GetQueueAttributes", {{"QueueUrl", queue_url}, {"AttributeNames", {"All"}}});
}

Reply<QueueAttributes> read_queue_attributes(const Outcome& outcome) {
  if (outcome.fault) return refusal_of(outcome);
  const json answer = json::parse(outcome.answer, nullptr, false);
  const json* said = member(answer, "Attributes");
  if (said == nullptr) return unreadable("GetQueueAttributes: no Attributes");
  QueueAttributes found;
  found.arn = text_at(*said, "QueueArn");
  found.visibility = seconds(number_at(*said, "VisibilityTimeout"));
  found.retention = seconds(number_at(*said, "MessageRetentionPeriod"));
  found.is_fifo = is_true_at(*said, "FifoQueue");
  found.names_by_content = is_true_at(*said, "ContentBasedDeduplication");
  found.bytes_max = static_cast<std::size_t>(number_at(*said, "MaximumMessageSize"));
  const auto count = [&](const char* name) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_at(*said, name)));
  };
  found.waiting = count("ApproximateNumberOfMessages");
  found.in_flight = count("ApproximateNumberOfMessagesNotVisible");
  found.delayed = count("ApproximateNumberOfMessagesDelayed");
  read_redrive(text_at(*said, "RedrivePolicy"), found);
  return found;
}

}  // namespace sluice::aws::sqs
