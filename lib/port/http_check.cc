#include "lib/port/http_check.h"

#include <algorithm>
#include <charconv>

namespace sluice::port {

namespace {

bool is_token_character(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

std::optional<std::uint64_t> digits(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{}) return std::nullopt;
  return value;
}

// A value that begins on the next line (RFC 9112, 5.2: obsolete folding) is put behind the name by
// libmicrohttpd 0.9.75: "Content-Length:\r\n 5" becomes a header "Content-Length5".
bool hides_framing(std::string_view name) {
  const auto longer_than = [name](std::string_view framing) {
    return name.size() > framing.size() && same_name(name.substr(0, framing.size()), framing);
  };
  return longer_than("Content-Length") || longer_than("Transfer-Encoding");
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

bool is_visible(std::string_view text) {
  return text.find(' ') == std::string_view::npos && text.find('\t') == std::string_view::npos &&
         !has_control_character(text);
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::variant<Framing, FramingError> check_framing(const HttpHeaders& headers) {
  Framing framing;
  int hosts = 0;
  for (const auto& [name, value] : headers) {
    if (!is_token(name)) return FramingError{"headers", "a header's name is no token"};
    if (hides_framing(name)) return FramingError{name, "must be written on one line"};
    if (has_control_character(value)) return FramingError{name, "has a control character"};
    if (same_name(name, "Host")) {
      if (value.empty() || ++hosts > 1) return FramingError{"Host", "must be there once"};
    } else if (same_name(name, "Content-Length")) {
      if (framing.content_length) return FramingError{"Content-Length", "is there twice"};
      framing.content_length = digits(value);
      if (!framing.content_length) return FramingError{"Content-Length", "must be digits"};
    } else if (same_name(name, "Transfer-Encoding")) {
      if (framing.chunked) return FramingError{"Transfer-Encoding", "is there twice"};
      framing.chunked = same_name(value, "chunked");
      if (!framing.chunked) return FramingError{"Transfer-Encoding", "only chunked is known"};
    }
  }
  if (hosts == 0) return FramingError{"Host", "must be there once"};
  if (framing.chunked && framing.content_length) {
    return FramingError{"Content-Length", "must not be next to Transfer-Encoding"};
  }
  return framing;
}

}  // namespace sluice::port
