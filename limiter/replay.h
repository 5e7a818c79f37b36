// What would have waited, and how long: a trace of arrivals against a set of limits, with the real
// script and meter on the memory store and virtual time. Pure, and the same every time.
//
// Stated: every attempt is delivered, `latency` after it went; a dispatcher always has room; a
// message waits in memory however many there are. Keys take turns as in the limiter (turns.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/upstream.h"

namespace sluice::limiter {

struct Arrival {
  Duration at;  // since the trace's first
  std::string upstream;
  std::string key;  // without the upstream's name
  std::uint32_t cost = 1;
  int line = 0;  // of the trace
};

// Lines of CSV (time,key[,upstream[,cost]], with or without a first line of these names) or of
// NDJSON ({"time": ..., "key": ..., "upstream": ..., "cost": ...}). Times are seconds ("12.5") or
// "2026-11-21T02:24:00Z"; they need not be in order. Empty lines and lines that begin with # say
// nothing. Without an upstream: the first of the settings. An Error names `file` and the line.
Result<std::vector<Arrival>> parse_trace(std::string_view text, const std::string& file,
                                         const std::vector<Upstream>& upstreams);

struct ReplayConfig {
  std::vector<Upstream> upstreams;
  Duration latency = milliseconds(200);
};

// Waits of some messages.
struct Waits {
  std::uint64_t messages = 0;
  std::uint64_t waited = 0;  // those that did not go at once
  std::uint64_t units = 0;
  Duration total, p50, p95, p99, max;  // of all of them, those that went at once included
  std::uint64_t longest_queue = 0;     // waiting at the same time
  Duration last;                       // departure, since the trace's first arrival
};

struct Replayed {
  Waits all;
  std::map<std::string, Waits> keys;  // "<upstream>:<key>"
  // Messages by what kept them last: "<upstream>: <limit>", or "<upstream>: in flight".
  struct Kept {
    std::uint64_t messages = 0;
    Duration total, max;
  };
  std::map<std::string, Kept> limits;
  std::uint64_t dead = 0;  // dearer than a limit's n: they can never go
};

Replayed replay(const ReplayConfig& config, const std::vector<Arrival>& arrivals);

}  // namespace sluice::limiter
