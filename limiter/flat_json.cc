#include "limiter/flat_json.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "lib/digest/digest.h"

namespace sluice::limiter {

namespace {

class FlatJson {
 public:
  explicit FlatJson(std::string_view text) : text_(text) {}
  std::optional<FlatFields> read() {
    FlatFields fields;
    if (!take('{')) return std::nullopt;
    if (take('}')) return end(std::move(fields));
    do {
      auto name = text();
      if (!name || !take(':')) return std::nullopt;
      auto value = peek('"') ? text() : word();
      if (!value || !fields.emplace(*name, *value).second) return std::nullopt;
    } while (take(','));
    if (!take('}')) return std::nullopt;
    return end(std::move(fields));
  }

 private:
  std::optional<FlatFields> end(FlatFields fields) {
    skip();
    if (at_ != text_.size()) return std::nullopt;
    return fields;
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool peek(char c) {
    skip();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool take(char c) {
    if (!peek(c)) return false;
    ++at_;
    return true;
  }
  std::optional<std::string> text() {
    if (!take('"')) return std::nullopt;
    std::string out;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') {
        out += text_[at_];
      } else if (!escape(out)) {
        return std::nullopt;
      }
    }
    if (!take('"')) return std::nullopt;
    return out;
  }
  // At its backslash; afterwards at its last character.
  bool escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    const char next = ++at_ < text_.size() ? text_[at_] : '\0';
    if (const std::size_t place = kNames.find(next); place != std::string_view::npos) {
      out += kMeant[place];
      return true;
    }
    if (next != 'u' || text_.substr(at_ + 1, 2) != "00") return false;
    const std::string byte = from_hex(text_.substr(at_ + 3, 2));
    if (byte.size() != 1 || static_cast<unsigned char>(byte[0]) >= 0x80) return false;
    out += byte;
    at_ += 4;
    return true;
  }
  std::optional<std::string> word() {
    skip();
    const std::size_t end = std::min(text_.find_first_of(",} \t", at_), text_.size());
    std::string out(text_.substr(at_, end - at_));
    at_ = end;
    if (out.empty() || out[0] == '{' || out[0] == '[') return std::nullopt;
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<FlatFields> read_flat_json(std::string_view text) { return FlatJson(text).read(); }

}  // namespace sluice::limiter
