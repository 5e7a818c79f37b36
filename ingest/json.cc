#include "ingest/json.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "lib/base/check.h"

namespace sluice::ingest {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Walks over values. On valid text it never fails, and then serves to find where values end.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] const char* trouble() const { return trouble_; }
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }
  void skip() { ++at_; }
  void spaces() {
    while (!at_end() && is_space(text_[at_])) ++at_;
  }
  bool fail(const char* why) {
    if (trouble_ == nullptr) trouble_ = why;
    return false;
  }

  bool value(int depth) {
    if (depth > kJsonDepthMax) return fail("too many levels");
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool string() {
    if (peek() != '"') return fail("a string is expected");
    ++at_;
    while (!at_end()) {
      const auto byte = static_cast<unsigned char>(text_[at_]);
      if (byte == '"') {
        ++at_;
        return true;
      }
      if (byte < 0x20) return fail("a control character in a string");
      if (byte == '\\' ? !escape() : !utf8()) return false;
    }
    return fail("the string has no end");
  }

 private:
  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return fail("a value is expected");
    at_ += expected.size();
    return true;
  }

  bool object(int depth) {
    ++at_;
    spaces();
    if (peek() == '}') return ++at_, true;
    for (;;) {
      spaces();
      if (!string()) return false;
      spaces();
      if (peek() != ':') return fail("':' is expected");
      ++at_;
      spaces();
      if (!value(depth + 1)) return false;
      spaces();
      if (peek() == '}') return ++at_, true;
      if (peek() != ',') return fail("',' or '}' is expected");
      ++at_;
    }
  }

  bool array(int depth) {
    ++at_;
    spaces();
    if (peek() == ']') return ++at_, true;
    for (;;) {
      spaces();
      if (!value(depth + 1)) return false;
      spaces();
      if (peek() == ']') return ++at_, true;
      if (peek() != ',') return fail("',' or ']' is expected");
      ++at_;
    }
  }

  bool digits() {
    if (!is_digit(peek())) return fail("a digit is expected");
    while (is_digit(peek())) ++at_;
    return true;
  }

  bool number() {
    const std::size_t start = at_;
    if (peek() == '-') ++at_;
    if (!is_digit(peek())) {
      at_ = start;
      return fail("a value is expected");
    }
    if (peek() == '0') {
      ++at_;
    } else if (!digits()) {
      return false;
    }
    if (peek() == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return false;
    }
    return true;
  }

  // Four hex digits at `from`; -1 when they are none.
  [[nodiscard]] int hex4(std::size_t from) const {
    if (from + 4 > text_.size()) return -1;
    int code = 0;
    const char* begin = text_.data() + from;
    const auto [end, error] = std::from_chars(begin, begin + 4, code, 16);
    return error == std::errc() && end == begin + 4 && *begin != '-' ? code : -1;
  }

  bool escape() {
    const char kind = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (kind != 'u') {
      if (kind == '\0' || std::string_view("\"\\/bfnrt").find(kind) == std::string_view::npos) {
        return fail("an unknown escape");
      }
      at_ += 2;
      return true;
    }
    const int code = hex4(at_ + 2);
    if (code < 0) return fail("\\u needs four hex digits");
    at_ += 6;
    if (code < 0xd800 || code > 0xdfff) return true;
    const bool pair = code < 0xdc00 && text_.substr(at_, 2) == "\\u";
    const int low = pair ? hex4(at_ + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff) return fail("half of a surrogate pair");
    at_ += 6;
    return true;
  }

  // RFC 3629.
  bool utf8() {
    const auto byte = [&](std::size_t n) {
      return at_ + n < text_.size() ? static_cast<unsigned char>(text_[at_ + n]) : 0U;
    };
    const unsigned first = byte(0);
    if (first < 0x80) return ++at_, true;
    const auto follows = [&](std::size_t n) { return (byte(n) & 0xc0U) == 0x80U; };
    std::size_t length = 0;
    if (first >= 0xc2 && first < 0xe0 && follows(1)) length = 2;
    if (first >= 0xe0 && first < 0xf0 && follows(1) && follows(2)) length = 3;
    if (first >= 0xf0 && first < 0xf5 && follows(1) && follows(2) && follows(3)) length = 4;
    const bool wrong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0) ||
                       (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90);
    if (length == 0 || wrong) return fail("not UTF-8");
    at_ += length;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  const char* trouble_ = nullptr;
};

JsonKind kind_of(char first) {
  switch (first) {
    case '{':
      return JsonKind::kObject;
    case '[':
      return JsonKind::kArray;
    case '"':
      return JsonKind::kString;
    case 't':
    case 'f':
      return JsonKind::kBool;
    case 'n':
      return JsonKind::kNull;
    default:
      return JsonKind::kNumber;
  }
}

void append_utf8(std::string& out, unsigned code) {
  const auto put = [&out](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0U | code >> 6U);
  } else if (code < 0x10000) {
    put(0xe0U | code >> 12U);
    put(0x80U | (code >> 6U & 0x3fU));
  } else {
    put(0xf0U | code >> 18U);
    put(0x80U | (code >> 12U & 0x3fU));
    put(0x80U | (code >> 6U & 0x3fU));
  }
  put(0x80U | (code & 0x3fU));
}

unsigned hex_of(std::string_view four) {
  unsigned code = 0;
  std::from_chars(four.data(), four.data() + four.size(), code, 16);
  return code;
}

// The values of an array or object, in order; names are empty in an array.
template <class Visit>
void each(JsonValue container, Visit visit) {
  const std::string_view text = container.text;
  Scanner scan(text);
  scan.skip();
  for (;;) {
    scan.spaces();
    if (scan.peek() == ',') {
      scan.skip();
      scan.spaces();
    }
    if (scan.at_end() || scan.peek() == '}' || scan.peek() == ']') return;
    std::string_view name;
    if (container.kind == JsonKind::kObject) {
      const std::size_t start = scan.at();
      CHECK(scan.string());
      name = text.substr(start, scan.at() - start);
      scan.spaces();
      scan.skip();
      scan.spaces();
    }
    const std::size_t start = scan.at();
    CHECK(scan.value(0));
    const std::string_view value = text.substr(start, scan.at() - start);
    visit(name, JsonValue{kind_of(value.front()), value});
  }
}

// "~1" is '/', "~0" is '~'.
std::string pointer_part(std::string_view raw) {
  std::string part;
  for (std::size_t at = 0; at < raw.size(); ++at) {
    if (raw[at] != '~') {
      part.push_back(raw[at]);
    } else {
      part.push_back(raw[++at] == '1' ? '/' : '~');
    }
  }
  return part;
}

Result<std::optional<JsonValue>> member(JsonValue object, const std::string& name) {
  std::optional<JsonValue> found;
  bool twice = false;
  each(object, [&](std::string_view quoted, JsonValue value) {
    if (json_string({JsonKind::kString, quoted}) != name) return;
    twice = twice || found.has_value();
    found = value;
  });
  if (twice) return Error{Trouble::kInvalid, "the name \"" + name + "\" is there twice"};
  return found;
}

std::optional<JsonValue> element(JsonValue array, const std::string& index) {
  std::size_t wanted = 0;
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), wanted);
  const bool leading_zero = index.size() > 1 && index[0] == '0';
  if (error != std::errc() || end != index.data() + index.size() || leading_zero) return {};
  std::optional<JsonValue> found;
  std::size_t at = 0;
  each(array, [&](std::string_view, JsonValue value) {
    if (at++ == wanted) found = value;
  });
  return found;
}

}  // namespace

std::optional<std::string> json_trouble(std::string_view text) {
  Scanner scan(text);
  scan.spaces();
  if (scan.value(0)) {
    scan.spaces();
    if (scan.at_end()) return {};
    scan.fail("something follows the end");
  }
  const bool cut = scan.at_end();
  return "byte " + std::to_string(scan.at()) + ": " +
         (cut ? std::string("the text ends too early (") + scan.trouble() + ")" : scan.trouble());
}

JsonValue json_whole(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  CHECK(!text.empty());
  return {kind_of(text.front()), text};
}

Result<std::optional<JsonValue>> json_at(JsonValue from, std::string_view pointer) {
  std::optional<JsonValue> at = from;
  while (!pointer.empty() && at) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    const std::string part = pointer_part(pointer.substr(0, end));
    pointer.remove_prefix(end);
    if (at->kind == JsonKind::kObject) {
      auto next = member(*at, part);
      if (!next) return next.error();
      at = *next;
    } else {
      at = at->kind == JsonKind::kArray ? element(*at, part) : std::nullopt;
    }
  }
  return at;
}

std::string json_string(JsonValue string) {
  std::string_view text = string.text.substr(1, string.text.size() - 2);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (text[0] != '\\') {
      const std::size_t plain = std::min(text.find('\\'), text.size());
      out += text.substr(0, plain);
      text.remove_prefix(plain);
      continue;
    }
    if (text[1] != 'u') {
      constexpr std::string_view kNames = "\"\\/bfnrt";
      constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
      out.push_back(kMeanings[kNames.find(text[1])]);
      text.remove_prefix(2);
      continue;
    }
    unsigned code = hex_of(text.substr(2, 4));
    text.remove_prefix(6);
    if (code >= 0xd800 && code < 0xdc00) {
      code = 0x10000U + ((code - 0xd800U) << 10U) + (hex_of(text.substr(2, 4)) - 0xdc00U);
      text.remove_prefix(6);
    }
    append_utf8(out, code);
  }
  return out;
}

std::vector<std::pair<std::string, JsonValue>> json_members(JsonValue object) {
  std::vector<std::pair<std::string, JsonValue>> members;
  each(object, [&](std::string_view quoted, JsonValue value) {
    members.emplace_back(json_string({JsonKind::kString, quoted}), value);
  });
  return members;
}

std::vector<JsonValue> json_items(JsonValue array) {
  std::vector<JsonValue> items;
  each(array, [&](std::string_view, JsonValue value) { items.push_back(value); });
  return items;
}

std::optional<std::string> pointer_trouble(std::string_view pointer) {
  if (pointer.empty()) return {};
  if (pointer.front() != '/') return "a JSON Pointer begins with '/'";
  for (std::size_t at = 0; at < pointer.size(); ++at) {
    if (pointer[at] != '~') continue;
    if (at + 1 == pointer.size() || (pointer[at + 1] != '0' && pointer[at + 1] != '1')) {
      return "'~' is written ~0 in a JSON Pointer";
    }
  }
  return {};
}

}  // namespace sluice::ingest
