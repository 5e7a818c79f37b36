#include "tests/tiny_dynamodb/service.h"

#include <algorithm>
#include <set>

namespace sluice::tiny {

namespace {

constexpr Duration kTokensLive = minutes(10);
constexpr std::size_t kTransactionBytesMax = 4UL << 20U;
constexpr std::size_t kUnitBytes = 1024;

#define TERMS "ExpressionAttributeNames ExpressionAttributeValues "

void check_fields(const json& of, std::string_view allowed) {
  for (const auto& [name, value] : of.items()) {
    if (allowed.find(name + " ") == std::string_view::npos) {
      refuse("tiny: a field that Sluice does not use: " + name);
    }
  }
}

// Its fields in a transaction; alone it has the same.
const std::map<std::string, const char*> kWrites = {
    {"Put", "TableName Item ConditionExpression " TERMS},
    {"Update", "TableName Key UpdateExpression ConditionExpression " TERMS},
    {"Delete", "TableName Key ConditionExpression " TERMS},
    {"ConditionCheck", "TableName Key ConditionExpression " TERMS}};

}  // namespace

const std::map<std::string, Service::Op>& Service::ops() {
  static const std::map<std::string, Op> kAll = {
      {"CreateTable",
       {&Service::create_table, "TableName BillingMode AttributeDefinitions KeySchema "}},
      {"DescribeTable", {&Service::describe_table, "TableName "}},
      {"DeleteTable", {&Service::delete_table, "TableName "}},
      {"UpdateTimeToLive", {&Service::update_ttl, "TableName TimeToLiveSpecification "}},
      {"DescribeTimeToLive", {&Service::describe_ttl, "TableName "}},
      {"GetItem", {&Service::get_item, "TableName Key ConsistentRead "}},
      {"PutItem", {&Service::put_item, kWrites.at("Put")}},
      {"UpdateItem", {&Service::update_item, kWrites.at("Update")}},
      {"DeleteItem", {&Service::delete_item, kWrites.at("Delete")}},
      {"Query",
       {&Service::query,
        "TableName KeyConditionExpression FilterExpression ProjectionExpression ConsistentRead "
        "ScanIndexForward Limit ExclusiveStartKey " TERMS}},
      {"BatchGetItem", {&Service::batch_get, "RequestItems "}},
      {"BatchWriteItem", {&Service::batch_write, "RequestItems "}},
      {"TransactWriteItems", {&Service::transact_write, "TransactItems ClientRequestToken "}},
  };
  return kAll;
}

json Service::call(const std::string& operation, const json& request, Instant now) {
  now_ = now;
  const auto op = ops().find(operation);
  if (op == ops().end()) throw Fault{"UnknownOperationException", operation};
  if (!request.is_object()) throw Fault{"SerializationException", "no object"};
  if (troubles_.throttle > 0) {
    --troubles_.throttle;
    throw Fault{"ThrottlingException", "Rate exceeded"};
  }
  ++calls_[operation];
  check_fields(request, op->second.fields);
  try {
    return (this->*op->second.run)(request);
  } catch (const json::exception& wrong) {
    throw Fault{"SerializationException", wrong.what()};
  }
}

json Service::counts() const {
  return {{"calls", calls_}, {"read_halves", read_halves_}, {"write_units", write_units_}};
}

void Service::count_read(std::size_t bytes, bool consistent) {
  const std::size_t units =
      std::max<std::size_t>(1, (bytes + 4 * kUnitBytes - 1) / (4 * kUnitBytes));
  read_halves_ += units * (consistent ? 2 : 1);
}

// ---- tables

Table& Service::table_of(const json& request) {
  const auto found = tables_.find(request.at("TableName").get<std::string>());
  if (found == tables_.end()) {
    throw Fault{"ResourceNotFoundException", "Requested resource not found"};
  }
  return found->second;
}

json Service::create_table(const json& request) {
  const auto name = request.at("TableName").get<std::string>();
  if (name.size() < 3 || name.size() > 255) refuse("TableName: 3 to 255 characters");
  if (request.value("BillingMode", "") != "PAY_PER_REQUEST") {
    refuse("tiny: BillingMode is PAY_PER_REQUEST");
  }
  if (!tables_.try_emplace(name, request).second) {
    throw Fault{"ResourceInUseException", "Table already exists: " + name};
  }
  return {{"TableDescription", tables_.at(name).describe()}};
}

json Service::describe_table(const json& request) {
  return {{"Table", table_of(request).describe()}};
}

json Service::delete_table(const json& request) {
  json gone = table_of(request).describe();
  tables_.erase(request.at("TableName").get<std::string>());
  return {{"TableDescription", std::move(gone)}};
}

json Service::update_ttl(const json& request) {
  const json& wanted = request.at("TimeToLiveSpecification");
  table_of(request).set_ttl(
      wanted.at("Enabled") == true ? wanted.at("AttributeName").get<std::string>() : "");
  return {{"TimeToLiveSpecification", wanted}};
}

json Service::describe_ttl(const json& request) {
  const std::string& ttl = table_of(request).ttl();
  json said = {{"TimeToLiveStatus", ttl.empty() ? "DISABLED" : "ENABLED"}};
  if (!ttl.empty()) said["AttributeName"] = ttl;
  return {{"TimeToLiveDescription", std::move(said)}};
}

void Service::expire(std::int64_t now_s) {
  for (auto& [name, table] : tables_) table.expire(now_s);
}

// ---- single items

json Service::get_item(const json& request) {
  const Table& table = table_of(request);
  table.check_key(request.at("Key"));
  const json& item = table.get(request["Key"]);
  count_read(bytes_of(item), request.value("ConsistentRead", false));
  return item.empty() ? json::object() : json{{"Item", item}};
}

json Service::put_item(const json& request) { return write_alone("Put", request); }
json Service::update_item(const json& request) { return write_alone("Update", request); }
json Service::delete_item(const json& request) { return write_alone("Delete", request); }

json Service::write_alone(const std::string& kind, const json& request) {
  const Planned write = plan(kind, request);
  if (!write.allowed) {
    throw Fault{"ConditionalCheckFailedException", "The conditional request failed"};
  }
  apply(write, 1);
  return json::object();
}

Service::Planned Service::plan(const std::string& kind, const json& write) {
  const auto known = kWrites.find(kind);
  if (known == kWrites.end()) refuse("tiny: no write that Sluice says: " + kind);
  check_fields(write, known->second);
  Table& table = table_of(write);
  const bool put = kind == "Put";
  Planned planned{&table, {}};
  if (put) {
    check_item(write.at("Item"));
    planned.key = table.key_of(write["Item"]);
  } else {
    table.check_key(write.at("Key"));
    planned.key = write["Key"];
  }
  Terms terms(write);
  const json& before = table.get(planned.key);
  if (write.contains("ConditionExpression")) {
    planned.allowed = holds(write["ConditionExpression"].get<std::string>(), terms, before);
  } else if (kind == "ConditionCheck") {
    refuse("The ConditionExpression of a ConditionCheck is required");
  }
  if (put) planned.after = write["Item"];
  if (kind == "ConditionCheck") planned.after = before;
  if (kind == "Update") {
    std::set<std::string> touched;
    const json& start = before.empty() ? planned.key : before;
    planned.after = updated(write.at("UpdateExpression").get<std::string>(), terms, start, touched);
    for (const auto& [name, value] : planned.key.items()) {
      if (touched.contains(name)) {
        refuse("Cannot update attribute " + name + ". This attribute is part of the key");
      }
    }
  }
  terms.check_used();
  const std::size_t bytes = planned.after.is_null() ? 0 : bytes_of(planned.after);
  if (bytes > kItemBytesMax) refuse("Item size has exceeded the maximum allowed size");
  planned.bytes = std::max(bytes, bytes_of(before));
  return planned;
}

void Service::apply(const Planned& write, int units_each) {
  const std::size_t units = std::max<std::size_t>(1, (write.bytes + kUnitBytes - 1) / kUnitBytes);
  write_units_ += units * static_cast<std::size_t>(units_each);
  if (write.after.is_null()) {
    write.table->erase(write.key);
  } else if (!write.after.empty()) {
    write.table->put(write.after);
  }
}

// ---- many

json Service::query(const json& request) {
  const Table& table = table_of(request);
  Terms terms(request);
  Table::Walk how;
  how.backward = !request.value("ScanIndexForward", true);
  how.range = key_range(request.at("KeyConditionExpression").get<std::string>(), terms,
                        table.partition_name());
  if (!how.range.sort_name.empty() && how.range.sort_name != table.sort_name()) {
    refuse("Query condition missed key schema element: " + table.sort_name());
  }
  if (request.contains("ExclusiveStartKey")) {
    how.after = request["ExclusiveStartKey"];
    table.check_key(how.after);
    if (how.after[table.partition_name()] != how.range.partition) {
      refuse("The provided starting key is outside query boundaries based on provided conditions");
    }
  }
  if (request.contains("Limit") && request["Limit"].get<std::int64_t>() < 1)
    refuse("Limit: at least 1");
  const std::size_t most = request.value("Limit", std::size_t{0});
  const auto filter = request.value("FilterExpression", std::string());
  const auto projection = request.value("ProjectionExpression", std::string());
  if (!filter.empty()) holds(filter, terms, json::object());
  if (!projection.empty()) projected(projection, terms, json::object());
  terms.check_used();
  json answer = {{"Items", json::array()}};
  std::size_t bytes = 0;
  std::size_t looked = 0;
  json last;
  table.walk(how, [&](const json& item) {
    if ((most > 0 && looked == most) ||
        (looked > 0 && bytes + bytes_of(item) > troubles_.page_bytes)) {
      answer["LastEvaluatedKey"] = last;
      return false;
    }
    ++looked;
    bytes += bytes_of(item);
    last = table.key_of(item);
    if (filter.empty() || holds(filter, terms, item)) {
      answer["Items"].push_back(projection.empty() ? item : projected(projection, terms, item));
    }
    return true;
  });
  // A page that is full names its last item, whether there are more or not.
  if (most > 0 && looked == most) answer["LastEvaluatedKey"] = last;
  answer["Count"] = answer["Items"].size();
  answer["ScannedCount"] = looked;
  count_read(bytes, request.value("ConsistentRead", false));
  return answer;
}

json Service::batch_get(const json& request) {
  json found = json::object();
  std::size_t all = 0;
  for (const auto& [name, asked] : request.at("RequestItems").items()) {
    check_fields(asked, "Keys ConsistentRead ");
    const Table& table = table_of({{"TableName", name}});
    std::set<std::string> seen;
    found[name] = json::array();
    for (const json& key : asked.at("Keys")) {
      table.check_key(key);
      if (!seen.insert(key.dump()).second) refuse("Provided list of item keys contains duplicates");
      if (++all > 100) refuse("Too many items requested for the BatchGetItem call");
      const json& item = table.get(key);
      count_read(bytes_of(item), asked.value("ConsistentRead", false));
      if (!item.empty()) found[name].push_back(item);
    }
  }
  return {{"Responses", std::move(found)}, {"UnprocessedKeys", json::object()}};
}

json Service::batch_write(const json& request) {
  std::vector<Planned> writes;
  std::set<std::string> seen;
  json left = json::object();
  for (const auto& [name, entries] : request.at("RequestItems").items()) {
    for (const json& entry : entries) {
      if (entry.size() != 1) refuse("one request in each entry");
      const std::string& kind = entry.begin().key();
      if (kind != "PutRequest" && kind != "DeleteRequest") refuse("tiny: entry " + kind);
      check_fields(entry.front(), kind == "PutRequest" ? "Item " : "Key ");
      json write = entry.front();
      write["TableName"] = name;
      writes.push_back(plan(kind == "PutRequest" ? "Put" : "Delete", write));
      if (!seen.insert(name + writes.back().key.dump()).second) {
        refuse("Provided list of item keys contains duplicates");
      }
      if (writes.size() > 25) refuse("Too many items requested for the BatchWriteItem call");
      left = {{name, json::array({entry})}};
    }
  }
  if (writes.empty()) refuse("The batch write request list for a table cannot be null or empty");
  if (troubles_.unprocessed > 0) {
    --troubles_.unprocessed;
    writes.pop_back();
  } else {
    left = json::object();
  }
  for (const Planned& write : writes) apply(write, 1);
  return {{"UnprocessedItems", std::move(left)}};
}

// ---- transactions

json Service::cancelled(const std::vector<Planned>& writes, bool conflict) const {
  json reasons = json::array();
  for (const Planned& write : writes) {
    const char* code = write.allowed ? "None" : "ConditionalCheckFailed";
    reasons.push_back({{"Code", code}});
  }
  if (conflict) reasons.back()["Code"] = "TransactionConflict";
  return {{"CancellationReasons", std::move(reasons)}};
}

json Service::transact_write(const json& request) {
  const json& items = request.at("TransactItems");
  if (items.empty() || items.size() > 100) refuse("1 to 100 transact items");
  const auto token = request.value("ClientRequestToken", std::string());
  if (token.size() > 36) refuse("ClientRequestToken: at most 36 characters");
  std::erase_if(tokens_, [&](const auto& one) { return now_ - one.second.at > kTokensLive; });
  const auto said = tokens_.find(token);
  if (!token.empty() && said != tokens_.end()) {
    if (said->second.request == items.dump()) return json::object();
    throw Fault{"IdempotentParameterMismatchException", "another transaction has this token"};
  }
  std::vector<Planned> writes;
  std::set<std::string> seen;
  std::size_t bytes = 0;
  for (const json& item : items) {
    if (item.size() != 1) refuse("one write in each transact item");
    writes.push_back(plan(item.begin().key(), item.front()));
    const json& table = item.front().at("TableName");
    if (!seen.insert(table.dump() + writes.back().key.dump()).second) {
      refuse("Transaction request cannot include multiple operations on one item");
    }
    bytes += writes.back().bytes;
  }
  if (bytes > kTransactionBytesMax) {
    refuse("Collection size of items in the transaction exceeds 4 MB");
  }
  const bool allowed =
      std::all_of(writes.begin(), writes.end(), [](const Planned& one) { return one.allowed; });
  const bool conflict = troubles_.conflict > 0;
  if (conflict) --troubles_.conflict;
  if (!allowed || conflict) {
    throw Fault{"TransactionCanceledException",
                "Transaction cancelled, please refer cancellation reasons for specific reasons",
                cancelled(writes, conflict)};
  }
  for (const Planned& write : writes) apply(write, 2);
  if (!token.empty()) tokens_[token] = {items.dump(), now_};
  return json::object();
}

#undef TERMS

}  // namespace sluice::tiny
