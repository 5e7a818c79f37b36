// What an answer says is left of the upstream's quota (RateLimit header fields). Three dialects:
//
//   RateLimit: "default";r=50;t=30        draft-ietf-httpapi-ratelimit-headers-08 and later: a list
//   RateLimit-Policy: "default";q=100;w=60    of policies; without `t` the policy's window counts
//   RateLimit: limit=100, remaining=50, reset=30                          drafts 05 to 07
//   RateLimit-Remaining: 50, RateLimit-Reset: 30; the same with X-        before, and everybody
//
// What is not understood says nothing; it never loosens a limit of ours, so that a hostile value
// can slow its own upstream down and no more. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/instant.h"

namespace sluice::dispatcher {

inline constexpr Duration kQuotaResetMax = hours(24);  // more is taken for this much

// A header field as it stood; its name in lower case.
using Field = std::pair<std::string, std::string>;

struct Quota {
  std::uint32_t left = 0;  // so many more requests ...
  Duration reset;          // ... until so long after the answer; more than 0
};

// Whether quota_of() reads a field of this (lower-case) name.
bool is_quota_field(std::string_view name);

// Of several policies the one with the least left, of those the one that lasts longest. `date` is
// the answer's own Date and `now_s` our own notion of the time (0: none): some give the end as
// seconds since the Unix epoch. Nothing unless both numbers are there and in reason.
std::optional<Quota> quota_of(std::span<const Field> fields, std::string_view date,
                              std::int64_t now_s);

}  // namespace sluice::dispatcher
