// Is this clearly one request? libmicrohttpd 0.9.75 takes two Content-Lengths, and both framings at
// once: a proxy before it would see another request than we do (RFC 9112, 6.3 and 11.2). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::port {

struct Framing {
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
};

struct FramingError {
  std::string field;
  std::string what;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;  // as sent, in order

// Host exactly once and not empty; Content-Length at most once and digits; Transfer-Encoding only
// "chunked", once, and never together with it; names are tokens, values without control characters.
std::variant<Framing, FramingError> check_framing(const HttpHeaders& headers);

bool is_token(std::string_view text);                    // RFC 9110, 5.6.2
bool is_visible(std::string_view text);                  // no space, no control character
bool same_name(std::string_view a, std::string_view b);  // whatever their case

}  // namespace sluice::port
