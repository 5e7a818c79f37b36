// A producer's request must stay in its upstream's lane (design 4.6). Pure; the URL itself is
// joined and compared in lib/port/url.h.
#pragma once

#include <optional>
#include <string_view>

#include "lib/base/upstream.h"
#include "lib/wire/messages.h"

namespace sluice::dispatcher {

// Why the request may not leave, in a few words of ours; nothing when it may:
//   "method"           not among the upstream's
//   "path"             not "/" and something that follows it, in visible ASCII without '#' or '\';
//                      "//"; a segment that means "." or ".." by %2e, %2f or %5c
//   "header name"      no token (RFC 9110 5.6.2)
//   "header value"     has control characters, or blanks at an end
//   "header reserved"  hop by hop, or one that is ours to set
std::optional<std::string_view> lane_fault(const Upstream& upstream, const wire::Request& request);

// Names that a producer may not set: those of the connection, Host, Content-Length, Authorization,
// Idempotency-Key, and the one that carries the upstream's credential.
bool is_reserved_header(const Upstream& upstream, std::string_view name);
// Those among them that the settings may not set either.
bool is_fixed_header(std::string_view name);
bool equals_ignoring_case(std::string_view a, std::string_view b);
bool is_token(std::string_view text);
bool is_field_value(std::string_view text);

}  // namespace sluice::dispatcher
