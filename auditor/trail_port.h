// What the core asks of the trail's disk, as values. Every call is answered by a TrailReply with
// its call_id; an answer may be late or never come: then the core opens the trail again and learns
// from its lines what became of the call.
//
// The trail decides nothing: lines come finished and chained from the core (docs/trail.md). It
// keeps them in segments (files), in order, and promises that a line it acknowledged stays.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/instant.h"

namespace sluice::auditor {

// Where the trail ends.
struct Tail {
  std::uint64_t line = 0;     // number of the last line; 0: there is none
  std::string hash;           // its hash, 32 bytes; zeros before the first line
  std::uint64_t segment = 0;  // number of the last segment; 0: there is none
  std::uint64_t segment_bytes = 0;
};

// Where does it end? A torn last line (one that was never acknowledged) is cut before the answer.
struct TrailOpen {};
// So many lines from this one on, as text without the line feed.
struct TrailRead {
  std::uint64_t from_line = 1;
  std::uint32_t lines_max = 1;
};
struct TrailLine {
  std::string text;             // without the line feed
  bool starts_segment = false;  // a new file, named by its number, begins with this line
};
// Append all of them after line `after` whose hash is `after_hash`, and fsync. Refused when the
// trail ends elsewhere, so that a call that was given up and comes late cannot fork the chain.
struct TrailAppend {
  std::uint64_t after = 0;
  std::string after_hash;
  std::vector<TrailLine> lines;
};
using TrailCall = std::variant<TrailOpen, TrailRead, TrailAppend>;

struct TrailOpened {
  Tail tail;
  std::uint64_t cut_bytes = 0;  // what a torn last line was long; 0: there was none
  Duration segment_age = {};    // of the last segment, by the time of its header
};
struct TrailLines {
  std::vector<std::string> lines;
  bool more = false;
};
// All lines are durable.
struct TrailAppended {};
// Not done, or not known to be done.
struct TrailFailed {
  std::string what;
};
using TrailAnswer = std::variant<TrailOpened, TrailLines, TrailAppended, TrailFailed>;

// An effect of the core, and the reply to it.
struct TrailAsk {
  std::uint64_t call_id = 0;
  TrailCall call;
};
struct TrailReply {
  std::uint64_t call_id = 0;
  TrailAnswer answer;
};

}  // namespace sluice::auditor
