// Answers of the core -> HTTP: statuses, RateLimit fields (draft-ietf-httpapi-ratelimit-headers-08
// and later), Retry-After, problem+json (RFC 9457).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "ingest/document.h"
#include "ingest/front_door.h"
#include "lib/port/http_server.h"

namespace sluice::ingest {

// What an answer does not say itself.
struct About {
  std::string event_id;                 // of a cost
  std::string id_field = "/messageId";  // where the producer's documents have id and key
  std::string key_field = "/userId";
  std::string cost_field = {};                // empty: there is none
  std::int64_t scale_millionths = 1'000'000;  // of limits' spans
  // A cursor as whoever asked may see it.
  std::function<std::string(const std::string&)> cursor = [](const std::string& plain) {
    return plain;
  };
};
port::HttpResponse answer_of(const FrontAnswer& answer, const About& about);
port::HttpResponse answer_of(const Refusal& refusal);

// As one line of an NDJSON answer: the same body with `status` and, when it is no success, `line`
// (from 1) and `retry_after`.
std::string line_of(const port::HttpResponse& response, std::size_t line);

// RateLimit-Policy and RateLimit of a forecast; nothing when it names no limit.
void add_rate_limit(const wire::Quoted& forecast, port::HttpHeaders& headers);

// "window_full" ...
std::string_view word_of(wire::Wait why);
// "pause" ...
std::string_view word_of(wire::HoldKind kind);

}  // namespace sluice::ingest
