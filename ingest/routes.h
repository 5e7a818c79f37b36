// What the front door answers: one table, from which requests are routed, rights are asked for,
// 405 names what is allowed, and openapi.json is written. Pure.
//
// A `{name}` in a path stands for one segment, percent-encoded (RFC 3986 2.1): every byte may be
// written as %XX, and '/', '?', '#' and '%' must be; ':' need not.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ingest/api_keys.h"

namespace sluice::ingest {

enum class Act : std::uint8_t {
  kSubmit,
  kList,
  kLookup,
  kCancel,
  kCost,
  kKeys,
  kKey,
  kPauseKey,
  kResumeKey,
  kConsumeKey,
  kUpstream,
  kPauseUpstream,
  kResumeUpstream,
  kLimits,
  kEditLimits,
  kOpenApi
};

// A final status that a route may answer with, and the schema of its body (openapi.cc); empty: a
// problem (RFC 9457).
struct RouteAnswer {
  int status = 0;
  std::string_view schema = {};
  std::string_view lines = {};  // the schema of each line, when NDJSON was sent
};

struct Route {
  Act act = Act::kSubmit;
  std::string_view method;
  std::string_view path;
  Right right = Right::kRead;
  std::string_view summary;
  std::string_view body = {};                // the schema of what is sent; empty: nothing
  bool lines = false;                        // many by NDJSON, too
  std::string_view parameters = {};          // of the query and of headers, by name and a space
  std::array<RouteAnswer, 12> answers = {};  // until the first without status
};

std::span<const Route> routes();

// A request's path, taken apart.
struct Routed {
  const Route* route = nullptr;  // none: the path is known, the method is not allowed
  std::string name;              // what stands for `{...}`, decoded
  bool broken = false;           // '%' without two hex digits
  std::string allow;             // the methods that are allowed here
};
// Nothing: no route has this path. HEAD goes where GET goes.
std::optional<Routed> route_of(std::string_view method, std::string_view path);

}  // namespace sluice::ingest
