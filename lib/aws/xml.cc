#include "lib/aws/xml.h"

#include <expat.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace sluice::aws {

namespace {

using nlohmann::json;

constexpr std::size_t kDepthMax = 64;

struct Element {
  std::string name;
  std::string text;
  std::vector<std::pair<std::string, json>> children;

  [[nodiscard]] bool only(std::string_view child) const {
    return !children.empty() && std::all_of(children.begin(), children.end(),
                                            [&](const auto& one) { return one.first == child; });
  }
};

json as_array(Element& element) {
  json array = json::array();
  for (auto& [name, value] : element.children) array.push_back(std::move(value));
  return array;
}

bool is_entry(const json& value) {
  return value.is_object() && value.size() == 2 && value.contains("value") &&
         value.contains("key") && value["key"].is_string();
}

json as_map(Element& element) {
  json map = json::object();
  for (auto& [name, value] : element.children) map[value["key"]] = std::move(value["value"]);
  return map;
}

void add(json& object, const std::string& name, json value, bool again) {
  json& there = object[name];
  if (!again) {
    there = std::move(value);
  } else {
    there.push_back(std::move(value));
  }
}

json as_object(Element& element) {
  const auto count = [&](const std::string& name) {
    return std::count_if(element.children.begin(), element.children.end(),
                         [&](const auto& one) { return one.first == name; });
  };
  json object = json::object();
  for (auto& [name, value] : element.children) {
    add(object, name, std::move(value), count(name) > 1);
  }
  return object;
}

bool is_map(const Element& element) {
  return element.only("entry") && std::all_of(element.children.begin(), element.children.end(),
                                              [](const auto& one) { return is_entry(one.second); });
}

json value_of(Element& element) {
  if (element.only("member") || element.only("item")) return as_array(element);
  if (is_map(element)) return as_map(element);
  if (!element.children.empty()) return as_object(element);
  return element.text.empty() ? json() : json(std::move(element.text));
}

class Parser {
 public:
  Parser() : parser_(XML_ParserCreate(nullptr), &XML_ParserFree), open_(1) {
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(parser_.get(), &Parser::start, &Parser::end);
    XML_SetCharacterDataHandler(parser_.get(), &Parser::text);
    XML_SetStartDoctypeDeclHandler(parser_.get(), &Parser::doctype);
  }

  Result<std::string> parse(std::string_view xml) {
    const auto size = static_cast<int>(std::min<std::size_t>(xml.size(), 1U << 30U));
    if (XML_Parse(parser_.get(), xml.data(), size, 1) != XML_STATUS_OK) {
      const char* why =
          fault_ != nullptr ? fault_ : XML_ErrorString(XML_GetErrorCode(parser_.get()));
      return Error{Trouble::kInvalid, "line " +
                                          std::to_string(XML_GetCurrentLineNumber(parser_.get())) +
                                          " of the XML answer: " + why};
    }
    return open_.front().children.front().second.dump(-1, ' ', false,
                                                      json::error_handler_t::replace);
  }

 private:
  static std::string local_name(const char* name) {
    const std::string_view whole = name;
    return std::string(whole.substr(whole.rfind(':') + 1));
  }
  static void start(void* self, const char* name, const char**) {
    auto& parser = *static_cast<Parser*>(self);
    if (parser.open_.size() > kDepthMax) return parser.stop("it is nested too deep");
    parser.open_.push_back({local_name(name), {}, {}});
  }
  static void end(void* self, const char*) {
    auto& open = static_cast<Parser*>(self)->open_;
    Element element = std::move(open.back());
    open.pop_back();
    open.back().children.emplace_back(element.name, value_of(element));
  }
  static void text(void* self, const char* text, int size) {
    static_cast<Parser*>(self)->open_.back().text.append(text, static_cast<std::size_t>(size));
  }
  static void doctype(void* self, const char*, const char*, const char*, int) {
    static_cast<Parser*>(self)->stop("a document type, which AWS never sends");
  }
  void stop(const char* why) {
    fault_ = why;
    XML_StopParser(parser_.get(), XML_FALSE);
  }

  std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser_;
  std::vector<Element> open_;  // the first stands for the document
  const char* fault_ = nullptr;
};

}  // namespace

Result<std::string> xml_to_json(std::string_view xml) { return Parser().parse(xml); }

}  // namespace sluice::aws
