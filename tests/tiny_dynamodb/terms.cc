#include "tests/tiny_dynamodb/terms.h"

#include <algorithm>
#include <cctype>

#include "tests/tiny_dynamodb/fault.h"
#include "tests/tiny_dynamodb/reserved.h"

namespace sluice::tiny {

namespace {

bool is_of_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '#' || c == ':';
}

bool is_same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

}  // namespace

Terms::Terms(const json& request)
    : names_(request.value("ExpressionAttributeNames", json::object())),
      values_(request.value("ExpressionAttributeValues", json::object())) {
  for (const char* field : {"ExpressionAttributeNames", "ExpressionAttributeValues"}) {
    if (request.contains(field) && request[field].empty()) {
      refuse(std::string(field) + " must not be empty");
    }
  }
  check_item(values_);
}

std::string Terms::name(const std::string& word) {
  if (word.empty() || word[0] == ':') refuse("Syntax error; token: \"" + word + "\"");
  if (word[0] != '#') {
    if (is_reserved(word)) {
      refuse("Attribute name is a reserved keyword; reserved keyword: " + word);
    }
    return word;
  }
  if (!names_.contains(word)) {
    refuse("An expression attribute name used in the document path is not defined: " + word);
  }
  used_.insert(word);
  return names_[word].get<std::string>();
}

const json& Terms::value(const std::string& word) {
  if (word.empty() || word[0] != ':') refuse("Syntax error; token: \"" + word + "\"");
  if (!values_.contains(word)) {
    refuse("An expression attribute value used in expression is not defined: " + word);
  }
  used_.insert(word);
  return values_[word];
}

void Terms::check_used() const {
  for (const json* all : {&names_, &values_}) {
    for (const auto& [word, meaning] : all->items()) {
      if (!used_.contains(word)) {
        refuse("Value provided in ExpressionAttribute" +
               std::string(word[0] == '#' ? "Names" : "Values") +
               " unused in expressions: keys: {" + word + "}");
      }
    }
  }
}

Words::Words(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (std::isspace(static_cast<unsigned char>(text[at])) != 0) {
      at = end;
      continue;
    }
    if (is_of_word(text[at])) {
      while (end < text.size() && is_of_word(text[end])) ++end;
    } else if ((text[at] == '<' || text[at] == '>') && end < text.size() &&
               (text[end] == '=' || text[end] == '>')) {
      ++end;
    }
    words_.emplace_back(text.substr(at, end - at));
    at = end;
  }
  if (words_.empty()) refuse("Invalid expression: The expression can not be empty;");
}

const std::string& Words::next() const {
  static const std::string kEnd;
  return ended() ? kEnd : words_[at_];
}

std::string Words::take() {
  if (ended()) refuse("Syntax error; token: <EOF>");
  return words_[at_++];
}

bool Words::takes(std::string_view word) {
  if (ended() || !is_same(next(), word)) return false;
  ++at_;
  return true;
}

void Words::expect(std::string_view word) {
  if (!takes(word)) refuse("Syntax error; token: \"" + next() + "\", near: " + std::string(word));
}

}  // namespace sluice::tiny
