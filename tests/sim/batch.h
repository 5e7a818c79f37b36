// Many seeds, by several processes: which seed fails does not depend on how many those are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/run.h"

namespace sluice::sim {

struct Batch {
  std::uint64_t from = 1;
  std::uint64_t seeds = 1;
  std::uint64_t jobs = 1;
  bool trace = false;
  const Saboteur* saboteur = nullptr;
};

struct MarkHits {
  std::string name;
  std::string place;
  std::uint64_t hits = 0;
};

struct BatchReport {
  std::uint64_t failed = 0;  // seeds; a job that died counts as one
  std::uint64_t arrivals = 0, crashes = 0, steps = 0;
  std::uint64_t hash = 0;  // of all runs together, in whatever order they were made
  std::int64_t virtual_seconds = 0;
  std::vector<MarkHits> marks;  // in the order of their names
};

// Prints the line of each seed that fails, as it fails.
BatchReport run_batch(const Batch& batch);

}  // namespace sluice::sim
