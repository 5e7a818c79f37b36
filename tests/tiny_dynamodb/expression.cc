#include "tests/tiny_dynamodb/expression.h"

#include "tests/tiny_dynamodb/fault.h"

namespace sluice::tiny {

namespace {

bool is_order(const std::string& word) {
  return word == "=" || word == "<>" || word == "<" || word == "<=" || word == ">" || word == ">=";
}

bool satisfies(const std::string& order, std::optional<int> compared) {
  if (order == "<>") return compared != 0;
  if (!compared) return false;
  if (order == "=") return *compared == 0;
  if (order == "<") return *compared < 0;
  if (order == "<=") return *compared <= 0;
  if (order == ">") return *compared > 0;
  return *compared >= 0;
}

// Reads and judges at once; what is not there compares as false, but for "<>".
class Condition {
 public:
  Condition(const std::string& text, Terms& terms, const json& item)
      : words_(text), terms_(terms), item_(item) {}

  bool whole() {
    const bool result = any();
    if (!words_.ended()) refuse("Syntax error; token: \"" + words_.next() + "\"");
    return result;
  }

 private:
  bool any() {
    bool result = all();
    while (words_.takes("OR")) result = all() || result;
    return result;
  }
  bool all() {
    bool result = one();
    while (words_.takes("AND")) result = one() && result;
    return result;
  }
  bool one() {
    if (words_.takes("NOT")) return !one();
    if (words_.takes("(")) {
      const bool result = any();
      words_.expect(")");
      return result;
    }
    if (words_.takes("attribute_exists")) return exists();
    if (words_.takes("attribute_not_exists")) return !exists();
    if (words_.takes("begins_with")) return begins_with();
    return comparison();
  }
  bool exists() {
    words_.expect("(");
    const bool there = item_.contains(terms_.name(words_.take()));
    words_.expect(")");
    return there;
  }
  bool begins_with() {
    words_.expect("(");
    const json* held = operand();
    words_.expect(",");
    const json* start = operand();
    words_.expect(")");
    if (start == nullptr || !start->contains("S")) refuse("begins_with: not a string");
    return held != nullptr && held->contains("S") &&
           held->at("S").get<std::string>().starts_with(start->at("S").get<std::string>());
  }
  bool comparison() {
    const json* left = operand();
    if (words_.takes("BETWEEN")) {
      const json* from = operand();
      words_.expect("AND");
      const json* to = operand();
      return satisfies(">=", compared(left, from)) && satisfies("<=", compared(left, to));
    }
    const std::string order = words_.take();
    if (!is_order(order)) refuse("Syntax error; token: \"" + order + "\"");
    return satisfies(order, compared(left, operand()));
  }
  const json* operand() {
    const std::string word = words_.take();
    if (word[0] == ':') return &terms_.value(word);
    const auto found = item_.find(terms_.name(word));
    return found == item_.end() ? nullptr : &*found;
  }
  static std::optional<int> compared(const json* a, const json* b) {
    return a == nullptr || b == nullptr ? std::nullopt : compare(*a, *b);
  }

  Words words_;
  Terms& terms_;
  const json& item_;
};

// Values are those of the item before the update, whatever the order of its clauses.
class Update {
 public:
  Update(const std::string& text, Terms& terms, const json& item)
      : words_(text), terms_(terms), before_(item), after_(item) {}

  json whole(std::set<std::string>& touched) {
    while (!words_.ended()) clause();
    touched = touched_;
    return after_;
  }

 private:
  void clause() {
    void (Update::*one)() = nullptr;
    if (words_.takes("SET"))
      one = &Update::set;
    else if (words_.takes("ADD"))
      one = &Update::add;
    else if (words_.takes("REMOVE"))
      one = &Update::remove;
    else
      refuse("Invalid UpdateExpression: Syntax error; token: \"" + words_.next() + "\"");
    do (this->*one)();
    while (words_.takes(","));
  }
  std::string target() {
    std::string name = terms_.name(words_.take());
    if (!touched_.insert(name).second) refuse("Two document paths overlap with each other");
    return name;
  }
  void set() {
    const std::string name = target();
    words_.expect("=");
    json value = operand();
    if (words_.takes("+")) value = sum(value, operand());
    after_[name] = std::move(value);
  }
  void add() {
    const std::string name = target();
    const json& value = terms_.value(words_.take());
    after_[name] = before_.contains(name) ? sum(before_[name], value) : value;
  }
  void remove() { after_.erase(target()); }
  json operand() {
    if (words_.takes("if_not_exists")) {
      words_.expect("(");
      const std::string name = terms_.name(words_.take());
      words_.expect(",");
      json otherwise = operand();
      words_.expect(")");
      return before_.contains(name) ? before_[name] : otherwise;
    }
    const std::string word = words_.take();
    if (word[0] == ':') return terms_.value(word);
    const std::string name = terms_.name(word);
    if (!before_.contains(name)) {
      refuse("The provided expression refers to an attribute that does not exist in the item");
    }
    return before_[name];
  }

  Words words_;
  Terms& terms_;
  json before_;
  json after_;
  std::set<std::string> touched_;
};

void read_sort(KeyRange& range, const std::string& order, const json& value) {
  if (order == "<>") refuse("Unsupported operator on KeyCondition: <>");
  const bool from = order == "=" || order == ">" || order == ">=";
  const bool to = order == "=" || order == "<" || order == "<=";
  if (from) range.from = value;
  if (to) range.to = value;
  range.with_from = order != ">";
  range.with_to = order != "<";
}

class KeyCondition {
 public:
  KeyCondition(const std::string& text, Terms& terms, std::string partition_key)
      : words_(text), terms_(terms), partition_key_(std::move(partition_key)) {}

  KeyRange whole() {
    one();
    if (words_.takes("AND")) one();
    if (!words_.ended()) refuse("Invalid KeyConditionExpression: token: \"" + words_.next() + "\"");
    if (range_.partition_name.empty()) {
      refuse("Query condition missed key schema element: " + partition_key_);
    }
    return range_;
  }

 private:
  void one() {
    if (words_.takes("begins_with")) {
      words_.expect("(");
      sort_name(terms_.name(words_.take()));
      words_.expect(",");
      const json& start = terms_.value(words_.take());
      words_.expect(")");
      if (!start.contains("S")) refuse("begins_with: not a string");
      range_.begins = start.at("S").get<std::string>();
      return;
    }
    const std::string name = terms_.name(words_.take());
    const std::string order = words_.take();
    if (name == partition_key_) {
      if (order != "=") refuse("Query key condition not supported");
      range_.partition_name = name;
      range_.partition = terms_.value(words_.take());
      return;
    }
    sort_name(name);
    if (order == "BETWEEN") {
      range_.from = terms_.value(words_.take());
      words_.expect("AND");
      range_.to = terms_.value(words_.take());
      return;
    }
    if (!is_order(order)) refuse("Syntax error; token: \"" + order + "\"");
    read_sort(range_, order, terms_.value(words_.take()));
  }
  void sort_name(const std::string& name) {
    if (!range_.sort_name.empty())
      refuse("KeyConditionExpressions must only contain one condition per key");
    range_.sort_name = name;
  }

  Words words_;
  Terms& terms_;
  std::string partition_key_;
  KeyRange range_;
};

}  // namespace

bool holds(const std::string& condition, Terms& terms, const json& item) {
  return Condition(condition, terms, item).whole();
}

json updated(const std::string& update, Terms& terms, const json& item,
             std::set<std::string>& touched) {
  return Update(update, terms, item).whole(touched);
}

KeyRange key_range(const std::string& condition, Terms& terms, const std::string& partition_key) {
  return KeyCondition(condition, terms, partition_key).whole();
}

bool is_in(const KeyRange& range, const json& sort_value) {
  if (range.from) {
    const auto order = compare(sort_value, *range.from);
    if (!order || *order < 0 || (*order == 0 && !range.with_from)) return false;
  }
  if (range.to) {
    const auto order = compare(sort_value, *range.to);
    if (!order || *order > 0 || (*order == 0 && !range.with_to)) return false;
  }
  if (range.begins.empty()) return true;
  return sort_value.contains("S") &&
         sort_value.at("S").get<std::string>().starts_with(range.begins);
}

json projected(const std::string& projection, Terms& terms, const json& item) {
  Words words(projection);
  json kept = json::object();
  do {
    const std::string name = terms.name(words.take());
    if (item.contains(name)) kept[name] = item[name];
  } while (words.takes(","));
  if (!words.ended()) refuse("Invalid ProjectionExpression: token: \"" + words.next() + "\"");
  return kept;
}

}  // namespace sluice::tiny
