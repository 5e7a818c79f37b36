#include "lib/aws/dynamodb.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "lib/aws/json_fields.h"
#include "lib/aws/operation.h"
#include "lib/base/check.h"
#include "lib/digest/base64.h"

namespace sluice::aws::dynamodb {

namespace {

using nlohmann::json;

// A page of 1 MiB, as JSON writes it.
constexpr std::size_t kAnswerMax = 8UL * 1024 * 1024;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json value_json(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kText:
      return {{"S", value.text}};
    case Value::Kind::kNumber:
      return {{"N", value.text}};
    case Value::Kind::kBytes:
      return {{"B", to_base64(value.text)}};
    case Value::Kind::kBool:
      return {{"BOOL", value.text == "true"}};
    case Value::Kind::kNull:
      return {{"NULL", true}};
    case Value::Kind::kOther:
      return json::parse(value.text, nullptr, false);
  }
  return {};
}

Value value_of(const json& from) {
  if (member(from, "S") != nullptr) return {Value::Kind::kText, text_at(from, "S")};
  if (member(from, "N") != nullptr) return {Value::Kind::kNumber, text_at(from, "N")};
  if (member(from, "BOOL") != nullptr) {
    return {Value::Kind::kBool, is_true_at(from, "BOOL") ? "true" : "false"};
  }
  if (member(from, "NULL") != nullptr) return {Value::Kind::kNull, ""};
  const auto bytes = from_base64(text_at(from, "B"));
  if (member(from, "B") != nullptr && bytes) return {Value::Kind::kBytes, *bytes};
  return {Value::Kind::kOther, text_of(from)};
}

json item_json(const Item& item) {
  json object = json::object();
  for (const auto& [name, value] : item) object[name] = value_json(value);
  return object;
}

Item item_of(const json& from) {
  Item item;
  if (!from.is_object()) return item;
  for (const auto& [name, value] : from.items()) item[name] = value_of(value);
  return item;
}

void add_terms(const Terms& terms, json& to) {
  if (!terms.names.empty()) to["ExpressionAttributeNames"] = terms.names;
  if (!terms.values.empty()) to["ExpressionAttributeValues"] = item_json(terms.values);
}

// What a write says, alone or in a transaction.
json write_json(const Write& what) {
  json body = {{"TableName", what.table}};
  body[what.kind == Write::Kind::kPut ? "Item" : "Key"] = item_json(what.item);
  if (!what.update.empty()) body["UpdateExpression"] = what.update;
  if (!what.condition.empty()) body["ConditionExpression"] = what.condition;
  add_terms(what.terms, body);
  return body;
}

const char* name_of(Write::Kind kind) {
  switch (kind) {
    case Write::Kind::kPut:
      return "Put";
    case Write::Kind::kUpdate:
      return "Update";
    case Write::Kind::kDelete:
      return "Delete";
  }
  return "";
}

std::string operation_of(Write::Kind kind) { return std::string(name_of(kind)) + "Item"; }

Request request(std::string_view operation, const json& body) {
  Request made = request_for("dynamodb", operation);
  made.body = text_of(body);
  made.answer_max = kAnswerMax;
  return made;
}

struct Known {
  std::string_view code;
  Cause cause;
};
constexpr std::array kCauses{
    Known{"None", Cause::kNone},
    Known{"ConditionalCheckFailed", Cause::kCondition},
    Known{"TransactionConflict", Cause::kConflict},
    Known{"ProvisionedThroughputExceeded", Cause::kThrottled},
    Known{"ThrottlingError", Cause::kThrottled},
    Known{"ItemCollectionSizeLimitExceeded", Cause::kTooLarge},
};

Cause cause_of(std::string_view code) {
  const auto* known = std::find_if(kCauses.begin(), kCauses.end(),
                                   [&](const Known& one) { return one.code == code; });
  return known == kCauses.end() ? Cause::kOther : known->cause;
}

}  // namespace

Value text(std::string value) { return {Value::Kind::kText, std::move(value)}; }
Value number(std::int64_t value) { return {Value::Kind::kNumber, std::to_string(value)}; }
Value bytes(std::string value) { return {Value::Kind::kBytes, std::move(value)}; }

std::size_t bytes_of(const Item& item) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : item) {
    const bool is_number = value.kind == Value::Kind::kNumber;
    // Two digits a byte, one more, and one for the sign. Texts of kOther are larger than what they
    // say; "true", "false" and "" are, or count as a byte.
    const std::size_t size = is_number ? value.text.size() / 2 + 3 : value.text.size();
    bytes += name.size() + std::max<std::size_t>(size, value.kind == Value::Kind::kNull ? 1 : 0);
  }
  return bytes;
}

Request write_item(const Write& what) { return request(operation_of(what.kind), write_json(what)); }

Reply<bool> read_written(const Outcome& outcome) {
  if (!outcome.fault) return true;
  const bool failed = outcome.fault->code == "ConditionalCheckFailedException";
  if (failed && !outcome.may_be_done) return false;
  return refusal_of(outcome);
}

Request transact_write(const std::vector<Write>& writes, const std::string& token) {
  CHECK(!writes.empty() && writes.size() <= kTransactionMax);
  CHECK(!token.empty() && token.size() <= 36);
  json items = json::array();
  for (const Write& one : writes) items.push_back({{name_of(one.kind), write_json(one)}});
  Request made = request("TransactWriteItems",
                         {{"TransactItems", std::move(items)}, {"ClientRequestToken", token}});
  for (const Write& one : writes) {
    std::string operation = operation_of(one.kind);
    const auto& of = made.contains;
    if (std::find(of.begin(), of.end(), operation) != of.end()) continue;
    made.contains.push_back(std::move(operation));
  }
  return made;
}

bool Transaction::has(Cause cause) const {
  return std::find(causes.begin(), causes.end(), cause) != causes.end();
}

bool Transaction::may_pass() const {
  return !written && std::all_of(causes.begin(), causes.end(), [](Cause cause) {
    return cause == Cause::kNone || cause == Cause::kConflict || cause == Cause::kThrottled;
  });
}

Reply<Transaction> read_transaction(const Outcome& outcome, std::size_t asked) {
  if (!outcome.fault) return Transaction{true};
  if (outcome.fault->code != "TransactionCanceledException") return refusal_of(outcome);
  Transaction cancelled;
  for_each_at(json::parse(outcome.answer, nullptr, false), "CancellationReasons",
              [&](const json& reason) {
                const std::string code = text_at(reason, "Code");
                cancelled.codes.push_back(code);
                cancelled.causes.push_back(cause_of(code));
              });
  // Without one reason for each nobody knows whose it is.
  if (cancelled.causes.size() != asked) return refusal_of(outcome);
  return cancelled;
}

Request get_item(const std::string& table, const Item& key, bool consistent) {
  return request("GetItem",
                 {{"TableName", table}, {"Key", item_json(key)}, {"ConsistentRead", consistent}});
}

Reply<std::optional<Item>> read_item(const Outcome& outcome) {
  if (outcome.fault) return refusal_of(outcome);
  const json answer = json::parse(outcome.answer, nullptr, false);
  if (!answer.is_object()) return unreadable("GetItem: no JSON object");
  const json* item = member(answer, "Item");
  return item == nullptr ? std::nullopt : std::optional<Item>(item_of(*item));
}

Request batch_get(const std::string& table, const std::vector<Item>& keys, bool consistent) {
  CHECK(!keys.empty() && keys.size() <= kBatchGetMax);
  json asked = json::array();
  for (const Item& key : keys) asked.push_back(item_json(key));
  const json of_table = {{"Keys", std::move(asked)}, {"ConsistentRead", consistent}};
  return request("BatchGetItem", {{"RequestItems", {{table, of_table}}}});
}

Reply<Got> read_got(const Outcome& outcome, const std::string& table) {
  if (outcome.fault) return refusal_of(outcome);
  const json answer = json::parse(outcome.answer, nullptr, false);
  const json* tables = member(answer, "Responses");
  if (tables == nullptr) return unreadable("BatchGetItem: no items");
  Got got;
  for_each_at(*tables, table.c_str(), [&](const json& one) { got.items.push_back(item_of(one)); });
  const json* left = member(answer, "UnprocessedKeys");
  const json* of_table = left == nullptr ? nullptr : member(*left, table.c_str());
  if (of_table == nullptr) return got;
  for_each_at(*of_table, "Keys", [&](const json& one) { got.unread.push_back(item_of(one)); });
  return got;
}

Request query(const Query& what, const std::string& next) {
  json body = {{"TableName", what.table},
               {"KeyConditionExpression", what.key_condition},
               {"ConsistentRead", what.consistent},
               {"ScanIndexForward", !what.backward}};
  if (!what.index.empty()) body["IndexName"] = what.index;
  if (!what.filter.empty()) body["FilterExpression"] = what.filter;
  if (!what.projection.empty()) body["ProjectionExpression"] = what.projection;
  if (what.items_max > 0) body["Limit"] = what.items_max;
  if (!next.empty()) body["ExclusiveStartKey"] = json::parse(next, nullptr, false);
  add_terms(what.terms, body);
  return request("Query", body);
}

Reply<Page> read_page(const Outcome& outcome) {
  if (outcome.fault) return refusal_of(outcome);
  const json answer = json::parse(outcome.answer, nullptr, false);
  if (!answer.is_object()) return unreadable("Query: no JSON object");
  Page page;
  for_each_at(answer, "Items", [&](const json& one) { page.items.push_back(item_of(one)); });
  if (const json* last = member(answer, "LastEvaluatedKey")) page.next = text_of(*last);
  return page;
}

}  // namespace sluice::aws::dynamodb
