// The limits of an upstream as JSON: rows with the names, the values and the rules of [[limit]].
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ingest/document.h"
#include "ingest/front_door.h"

namespace sluice::ingest {

// {"limits": [...], "by": "ann"}. Spans are scaled by `scale_millionths` as those of the settings
// are. request_id and version are the caller's.
std::variant<AskLimits, Refusal> read_limits_document(std::string_view body,
                                                      const std::string& upstream,
                                                      std::int64_t scale_millionths);

// A list of rows that read_limits_document takes for these same limits.
std::string limits_json(std::span<const wire::Limit> rows, std::int64_t scale_millionths);

// A version as an entity tag (RFC 9110 8.8.3): sixteen hex digits in quotes.
std::string version_tag(std::uint64_t version);
// What If-Match says: one such tag, or `*`, which is 0.
std::optional<std::uint64_t> read_version_tag(std::string_view field);

}  // namespace sluice::ingest
