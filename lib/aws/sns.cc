#include "lib/aws/sns.h"

#include <nlohmann/json.hpp>

#include "lib/aws/json_fields.h"
#include "lib/aws/operation.h"
#include "lib/base/check.h"

namespace sluice::aws::sns {

namespace {

using nlohmann::json;

void add(std::vector<NameValue>& fields, const std::string& name, const std::string& value) {
  if (!value.empty()) fields.emplace_back(name, value);
}

// Under names that begin with `of`: "PublishBatchRequestEntries.member.1.".
void add_message(std::vector<NameValue>& fields, const std::string& of, const Message& message) {
  if (message.email.empty()) {
    fields.emplace_back(of + "Message", message.text);
  } else {
    const json texts = {{"default", message.text}, {"email", message.email}};
    fields.emplace_back(of + "MessageStructure", "json");
    fields.emplace_back(of + "Message", texts.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  add(fields, of + "Subject", message.subject);
  add(fields, of + "MessageGroupId", message.group);
  add(fields, of + "MessageDeduplicationId", message.deduplication_id);
  std::size_t number = 0;
  for (const auto& [name, attribute] : message.attributes) {
    const std::string entry = of + "MessageAttributes.entry." + std::to_string(++number) + ".";
    const bool is_text = attribute.kind == Attribute::Kind::kString;
    fields.emplace_back(entry + "Name", name);
    fields.emplace_back(entry + "Value.DataType", is_text ? "String" : "Number");
    fields.emplace_back(entry + "Value.StringValue", attribute.value);
  }
}

// What is in <PublishResult> and its like; an object without members where there is none.
json result_of(const Outcome& outcome, const char* name) {
  const json answer = json::parse(outcome.answer, nullptr, false);
  const json* found = member(answer, name);
  return found == nullptr ? json::object() : *found;
}

}  // namespace

Request publish_batch(const std::string& topic_arn, const std::vector<Message>& messages) {
  CHECK(!messages.empty() && messages.size() <= kBatchMax);
  Request made = request_for("sns", "PublishBatch");
  made.fields.emplace_back("TopicArn", topic_arn);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string entry = "PublishBatchRequestEntries.member." + std::to_string(i + 1) + ".";
    made.fields.emplace_back(entry + "Id", entry_id(i));
    add_message(made.fields, entry, messages[i]);
  }
  return made;
}

Reply<std::vector<EntryFate>> read_batch(const Outcome& outcome, std::size_t asked) {
  if (outcome.fault) return refusal_of(outcome);
  return fates_of(result_of(outcome, "PublishBatchResult").dump(), asked);
}

}  // namespace sluice::aws::sns
