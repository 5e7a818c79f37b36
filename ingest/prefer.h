// The request headers of the front door as values: Prefer (RFC 7240), traceparent (W3C Trace
// Context), Content-Type. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ingest/front_door.h"

namespace sluice::ingest {

// All Prefer headers of a request, in order. `respond-async` waits however long, also next to
// `wait`; what is unknown or malformed is ignored, as the RFC demands; the first of a kind counts.
Preference read_prefer(const std::vector<std::string>& headers);

// For Preference-Applied; empty for the default.
std::string applied(const Preference& preference);

// The header as it came if it is one, else empty: a bad one is ignored.
std::string read_traceparent(std::string_view header);

enum class Content : std::uint8_t { kOne, kLines, kOther };
// Lines: application/x-ndjson and its likes. One: JSON, no type at all, and the type that curl
// states when it is told none.
Content content_of(std::string_view content_type);

}  // namespace sluice::ingest
