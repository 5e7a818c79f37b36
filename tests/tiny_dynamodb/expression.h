// Conditions, updates, key conditions and projections, as far as Sluice writes them ("Expressions",
// Amazon DynamoDB Developer Guide): names of the top level only. What it does not know is refused.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "tests/tiny_dynamodb/terms.h"

namespace sluice::tiny {

// Of an item, {} where there is none.
bool holds(const std::string& condition, Terms& terms, const json& item);

// What the item is then. The names that it sets, adds to or removes are put into `touched`.
json updated(const std::string& update, Terms& terms, const json& item,
             std::set<std::string>& touched);

// Of a Query: one partition, and from where to where in it.
struct KeyRange {
  std::string partition_name;
  json partition;
  std::string sort_name = {};  // empty: all of it
  std::optional<json> from = {};
  std::optional<json> to = {};
  bool with_from = true;
  bool with_to = true;
  std::string begins = {};
};
// `partition_key` is the name that must be compared by "=".
KeyRange key_range(const std::string& condition, Terms& terms, const std::string& partition_key);
bool is_in(const KeyRange& range, const json& sort_value);

json projected(const std::string& projection, Terms& terms, const json& item);

}  // namespace sluice::tiny
