// A table in memory: partitions by the bytes of their key, in each the items in their order.
#pragma once

#include <map>
#include <string>

#include "tests/tiny_dynamodb/expression.h"

namespace sluice::tiny {

class Table {
 public:
  // What CreateTable says.
  explicit Table(const json& request);

  // The key of an item, or of what says a key alone; refused unless it is one of this table.
  [[nodiscard]] json key_of(const json& item) const;
  void check_key(const json& key) const;

  // {}: there is none.
  [[nodiscard]] const json& get(const json& key) const;
  void put(const json& item);
  void erase(const json& key);

  struct Walk {
    bool backward = false;
    json after = {};  // a key; null: from the start
    KeyRange range = {};
  };
  // Of one partition, in order, until `visit` returns false.
  template <class Visit>
  void walk(const Walk& how, Visit visit) const;

  [[nodiscard]] json describe() const;
  [[nodiscard]] const std::string& partition_name() const { return partition_name_; }
  [[nodiscard]] const std::string& sort_name() const { return sort_name_; }
  [[nodiscard]] std::size_t count() const;

  // ---- time to live
  void set_ttl(const std::string& attribute) { ttl_ = attribute; }
  [[nodiscard]] const std::string& ttl() const { return ttl_; }
  // Those whose time is over go.
  void expire(std::int64_t now);

 private:
  struct Sooner {
    bool operator()(const json& a, const json& b) const { return compare(a, b).value_or(0) < 0; }
  };
  using Partition = std::map<json, json, Sooner>;  // by sort key; without one: all null
  [[nodiscard]] json sort_of(const json& item) const;
  void check_key_value(const std::string& name, const json& item) const;

  json request_;
  std::string partition_name_;
  std::string sort_name_;
  std::map<std::string, std::string> kinds_;  // of key attributes
  std::map<std::string, Partition> partitions_;
  std::string ttl_;
};

template <class Visit>
void Table::walk(const Walk& how, Visit visit) const {
  const auto found = partitions_.find(how.range.partition.dump());
  if (found == partitions_.end()) return;
  const Partition& items = found->second;
  const auto look = [&](const json& sort, const json& item) {
    return !is_in(how.range, sort) || visit(item);
  };
  if (how.backward) {
    auto end = how.after.is_null() ? items.end() : items.lower_bound(sort_of(how.after));
    while (end != items.begin()) {
      --end;
      if (!look(end->first, end->second)) return;
    }
    return;
  }
  auto at = how.after.is_null() ? items.begin() : items.upper_bound(sort_of(how.after));
  if (how.after.is_null() && how.range.from) at = items.lower_bound(*how.range.from);
  for (; at != items.end(); ++at) {
    if (!look(at->first, at->second)) return;
  }
}

}  // namespace sluice::tiny
