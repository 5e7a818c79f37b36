// One HTTP/1.1 request (RFC 9112), read from the front of a buffer. Written for this program alone,
// because a library would hide when a request's first byte was read. Content-Length framing only.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::upstream {

inline constexpr std::size_t kHeadMax = 64 * 1024;
inline constexpr std::size_t kRequestBodyMax = 8 * 1024 * 1024;

// Views into the buffer that was parsed.
struct Request {
  std::string_view method;
  std::string_view target;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string_view body;
  bool keep_alive = true;
  bool expects_continue = false;

  // The first header of that name, whatever its case; empty when there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

enum class Parsed {
  kWhole,    // request and size are filled
  kPartial,  // more bytes are needed; request is filled as far as its head when head_done
  kBad,      // no request that this server takes: answer 400 and close
};

struct ParsedRequest {
  Parsed parsed = Parsed::kPartial;
  bool head_done = false;
  std::size_t size = 0;  // bytes of the buffer that the request takes
  Request request;
};

ParsedRequest parse_request(std::string_view buffer);

bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace sluice::upstream
