#include "tests/upstream/body.h"

#include <simdjson.h>

namespace sluice::upstream {

namespace {

std::string text_at(const simdjson::dom::element& document, std::string_view pointer) {
  if (pointer.empty()) return {};
  simdjson::dom::element found;
  if (document.at_pointer(pointer).get(found) != simdjson::SUCCESS) return {};
  std::string_view text;
  if (found.get(text) == simdjson::SUCCESS) return std::string(text);
  return simdjson::minify(found);
}

}  // namespace

BodyFields read_body(std::string_view body, std::string_view key_pointer,
                     std::string_view behave_pointer) {
  static simdjson::dom::parser parser;
  simdjson::dom::element document;
  if (parser.parse(body.data(), body.size()).get(document) != simdjson::SUCCESS) return {};
  return {text_at(document, key_pointer), text_at(document, behave_pointer)};
}

}  // namespace sluice::upstream
