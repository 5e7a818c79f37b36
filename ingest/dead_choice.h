// Which dead letters a person means. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ingest/dead_letters.h"
#include "lib/stage/verb_line.h"

namespace sluice::ingest {

struct DeadChoice {
  // Of messages, or at least eight digits of an identity; none: any.
  std::vector<std::string> ids = {};
  std::string reason = {};  // these narrow it further
  std::string key = {};
  std::optional<Duration> older_than = {};  // since it died
  std::optional<Duration> newer_than = {};

  [[nodiscard]] bool takes(const DeadRow& dead, StoreTime now) const;
};

// What the verbs on dead letters take: --all; --reason, --key, --older-than, --newer-than; of a
// replay --priority and --rate; --queue, and --max of its letters.
stage::VerbOptions dead_options();

// kUsage: what is no span, or out of range.
Result<DeadChoice> read_dead_choice(const stage::VerbLine& line);
// Steps of priority_age behind what comes now.
Result<std::int64_t> read_priority(const stage::VerbLine& line);
struct Whole {
  const char* option;
  std::int64_t preset;
  std::int64_t least;
  std::int64_t most;
};
Result<std::int64_t> read_whole(const stage::VerbLine& line, const Whole& whole);

}  // namespace sluice::ingest
