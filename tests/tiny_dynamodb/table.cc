#include "tests/tiny_dynamodb/table.h"

#include <charconv>

#include "tests/tiny_dynamodb/fault.h"

namespace sluice::tiny {

namespace {

constexpr std::size_t kPartitionKeyMax = 2048;
constexpr std::size_t kSortKeyMax = 1024;
const json kNoSort = {{"S", "-"}};

}  // namespace

Table::Table(const json& request) : request_(request) {
  for (const json& one : request.at("AttributeDefinitions")) {
    kinds_[one.at("AttributeName").get<std::string>()] = one.at("AttributeType").get<std::string>();
  }
  for (const json& one : request.at("KeySchema")) {
    const auto name = one.at("AttributeName").get<std::string>();
    (one.at("KeyType") == "HASH" ? partition_name_ : sort_name_) = name;
    if (!kinds_.contains(name)) refuse("KeySchema names an attribute that is not defined: " + name);
  }
  const std::size_t keys = sort_name_.empty() ? 1 : 2;
  if (partition_name_.empty()) refuse("No Hash Key specified in schema");
  if (kinds_.size() != keys) {
    refuse("Number of attributes in KeySchema does not exactly match number of attributes defined");
  }
}

void Table::check_key_value(const std::string& name, const json& item) const {
  const auto found = item.find(name);
  if (found == item.end()) {
    refuse("One or more parameter values were invalid: Missing the key " + name + " in the item");
  }
  const std::string& kind = kinds_.at(name);
  if (!found->contains(kind)) {
    refuse("One or more parameter values were invalid: Type mismatch for key " + name);
  }
  const std::string text = found->at(kind).get<std::string>();
  if (text.empty()) {
    refuse(
        "One or more parameter values are not valid. The AttributeValue for a key attribute "
        "cannot contain an empty string value. Key: " +
        name);
  }
  const std::size_t most = name == partition_name_ ? kPartitionKeyMax : kSortKeyMax;
  if (text.size() > most) refuse("One or more parameter values were invalid: size of key " + name);
}

json Table::key_of(const json& item) const {
  check_key_value(partition_name_, item);
  json key = {{partition_name_, item.at(partition_name_)}};
  if (sort_name_.empty()) return key;
  check_key_value(sort_name_, item);
  key[sort_name_] = item.at(sort_name_);
  return key;
}

void Table::check_key(const json& key) const {
  check_item(key);
  if (key_of(key) != key) refuse("The provided key element does not match the schema");
}

json Table::sort_of(const json& item) const {
  return sort_name_.empty() ? kNoSort : item.at(sort_name_);
}

const json& Table::get(const json& key) const {
  static const json kNone = json::object();
  const auto partition = partitions_.find(key.at(partition_name_).dump());
  if (partition == partitions_.end()) return kNone;
  const auto item = partition->second.find(sort_of(key));
  return item == partition->second.end() ? kNone : item->second;
}

void Table::put(const json& item) {
  partitions_[item.at(partition_name_).dump()].insert_or_assign(sort_of(item), item);
}

void Table::erase(const json& key) {
  const auto partition = partitions_.find(key.at(partition_name_).dump());
  if (partition == partitions_.end()) return;
  partition->second.erase(sort_of(key));
  if (partition->second.empty()) partitions_.erase(partition);
}

std::size_t Table::count() const {
  std::size_t all = 0;
  for (const auto& [key, items] : partitions_) all += items.size();
  return all;
}

json Table::describe() const {
  return {{"TableName", request_.at("TableName")},
          {"TableStatus", "ACTIVE"},
          {"KeySchema", request_.at("KeySchema")},
          {"AttributeDefinitions", request_.at("AttributeDefinitions")},
          {"ItemCount", count()}};
}

void Table::expire(std::int64_t now) {
  if (ttl_.empty()) return;
  for (auto& [key, items] : partitions_) {
    std::erase_if(items, [&](const auto& one) {
      const auto found = one.second.find(ttl_);
      if (found == one.second.end() || !found->contains("N")) return false;
      const std::string text = found->at("N").template get<std::string>();
      std::int64_t at = 0;
      std::from_chars(text.data(), text.data() + text.size(), at);
      return at < now;
    });
  }
  std::erase_if(partitions_, [](const auto& one) { return one.second.empty(); });
}

}  // namespace sluice::tiny
