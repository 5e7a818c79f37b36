// An expression's words, and what stands for names (#n) and values (:v) in it.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tiny_dynamodb/value.h"

namespace sluice::tiny {

// Of one request, all its expressions together.
class Terms {
 public:
  explicit Terms(const json& request);
  // "#n" or a name as it stands, which must not be reserved.
  std::string name(const std::string& word);
  const json& value(const std::string& word);
  // What no expression has used is refused.
  void check_used() const;

 private:
  json names_;
  json values_;
  std::set<std::string> used_;
};

class Words {
 public:
  explicit Words(std::string_view expression);
  [[nodiscard]] const std::string& next() const;  // empty: the end
  std::string take();
  // Whether it comes next (keywords in any case); then it is taken.
  bool takes(std::string_view word);
  void expect(std::string_view word);
  [[nodiscard]] bool ended() const { return at_ == words_.size(); }

 private:
  std::vector<std::string> words_;
  std::size_t at_ = 0;
};

}  // namespace sluice::tiny
