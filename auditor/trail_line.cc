#include "auditor/trail_line.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "lib/base/check.h"
#include "lib/digest/digest.h"

namespace sluice::auditor {
namespace {

constexpr std::string_view kHashMark = R"(,"hash":")";
constexpr std::size_t kHashTail = kHashMark.size() + 2 * kHashBytes + 2;  // ... and `"}`

bool is_plain(char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; }

void append_escaped(std::string& into, std::string_view value) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  while (true) {
    const auto special = std::find_if_not(value.begin(), value.end(), is_plain);
    into.append(value.begin(), special);
    if (special == value.end()) return;
    const char c = *special;
    if (c == '"' || c == '\\') {
      into.push_back('\\');
      into.push_back(c);
    } else {
      into.append("\\u00");
      into.push_back(kDigits[static_cast<unsigned char>(c) >> 4U]);
      into.push_back(kDigits[static_cast<unsigned char>(c) & 15U]);
    }
    value.remove_prefix(static_cast<std::size_t>(special - value.begin()) + 1);
  }
}

std::string chained_hash(std::string_view before, std::string_view content) {
  std::string bytes(before);
  bytes.append(content);
  return to_bytes(sha256(bytes));
}

// Takes a flat object of texts and whole numbers apart, in the writer's own form only.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool mark(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  [[nodiscard]] bool next_is(char c) const { return !rest_.empty() && rest_.front() == c; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  std::optional<std::string> text() {
    if (!mark("\"")) return {};
    std::string value;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return value;
      if (static_cast<unsigned char>(c) < 0x20) return {};
      if (c != '\\') {
        value.push_back(c);
      } else if (!escape(value)) {
        return {};
      }
    }
    return {};
  }

  std::optional<std::int64_t> number() {
    const bool negative = mark("-");
    std::size_t digits = 0;
    std::int64_t value = 0;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      const std::int64_t digit = rest_.front() - '0';
      if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10) return {};
      value = value * 10 + digit;
      rest_.remove_prefix(1);
      ++digits;
    }
    if (digits == 0) return {};
    return negative ? -value : value;
  }

 private:
  bool escape(std::string& value) {
    if (mark("\"")) {
      value.push_back('"');
    } else if (mark("\\")) {
      value.push_back('\\');
    } else if (mark("u00") && rest_.size() >= 2) {
      const std::string byte = from_hex(rest_.substr(0, 2));
      if (byte.size() != 1 || static_cast<unsigned char>(byte[0]) >= 0x20) return false;
      value += byte;
      rest_.remove_prefix(2);
    } else {
      return false;
    }
    return true;
  }

  std::string_view rest_;
};

Error not_a_line(const char* why) { return {Trouble::kInvalid, why}; }

bool read_field(Scanner& scan, Line& line) {
  auto name = scan.text();
  if (!name || !scan.mark(":")) return false;
  if (scan.next_is('"')) {
    auto value = scan.text();
    if (!value) return false;
    line.texts.emplace_back(std::move(*name), std::move(*value));
    return true;
  }
  const auto value = scan.number();
  if (!value) return false;
  line.numbers.emplace_back(std::move(*name), *value);
  return true;
}

}  // namespace

std::string no_hash() { return std::string(kHashBytes, '\0'); }

LineWriter::LineWriter(std::uint64_t n, std::string_view type, StoreTime at) {
  text_ = "{\"n\":" + std::to_string(n);
  text("t", type);
  number("at", at.us);
}

LineWriter& LineWriter::number(std::string_view name, std::int64_t value) {
  text_.append(",\"");
  append_escaped(text_, name);
  text_.append("\":").append(std::to_string(value));
  return *this;
}

LineWriter& LineWriter::text(std::string_view name, std::string_view value) {
  text_.append(",\"");
  append_escaped(text_, name);
  text_.append("\":\"");
  append_escaped(text_, value);
  text_.push_back('"');
  return *this;
}

std::string LineWriter::finish(std::string& chain) {
  CHECK(chain.size() == kHashBytes);
  chain = chained_hash(chain, text_);
  text_.append(kHashMark).append(to_hex(chain)).append("\"}");
  return std::move(text_);
}

std::string_view Line::text(std::string_view name) const {
  for (const auto& [field, value] : texts) {
    if (field == name) return value;
  }
  return {};
}

std::int64_t Line::number(std::string_view name) const {
  for (const auto& [field, value] : numbers) {
    if (field == name) return value;
  }
  return 0;
}

Result<Line> read_line(std::string_view text) {
  if (text.size() > kLineMax) return not_a_line("longer than a line may be");
  Scanner scan(text);
  if (!scan.mark("{")) return not_a_line("does not begin with {");
  Line line;
  do {
    if (!read_field(scan, line)) return not_a_line("a field is malformed");
  } while (scan.mark(","));
  if (!scan.mark("}") || !scan.at_end()) return not_a_line("does not end with }");
  line.hash = from_hex(line.text("hash"));
  line.type = line.text("t");
  line.at = {line.number("at")};
  if (line.number("n") < 1 || line.type.empty()) return not_a_line("no number or no type");
  if (line.hash.size() != kHashBytes) return not_a_line("no hash");
  line.n = static_cast<std::uint64_t>(line.number("n"));
  return line;
}

bool is_chained(std::string_view text, std::string_view hash_before) {
  if (text.size() <= kHashTail || hash_before.size() != kHashBytes) return false;
  const std::string_view content = text.substr(0, text.size() - kHashTail);
  std::string expected(content);
  expected.append(kHashMark).append(to_hex(chained_hash(hash_before, content))).append("\"}");
  return text == expected;
}

}  // namespace sluice::auditor
