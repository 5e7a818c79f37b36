// What an answer's status, and its body, say of the attempt (design 4.3). Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/upstream.h"
#include "lib/wire/messages.h"

namespace sluice::dispatcher {

// What the upstream's `statuses` say; where they say nothing:
//   2xx                               delivered
//   429; 403, 503 with Retry-After    throttled, also when no time can be read from it
//   408 409 425, other 5xx, over 599  failed: may be tried again (409: our own Idempotency-Key is
//                                     still being worked on; over 599: RFC 9110 15)
//   all else                          refused: the same request would be refused again
wire::Ended ended_by(const Upstream& upstream, std::uint32_t status, bool has_retry_after);

// Whether one of the upstream's `abnormal` rules is for this status and has its text in `body`.
bool speaks_of_abuse(const Upstream& upstream, std::uint32_t status, std::string_view body);

}  // namespace sluice::dispatcher
