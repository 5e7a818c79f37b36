// One run: seed -> faults and settings -> safety: minutes of faults, every promise checked at every
// step -> liveness: everything healed, everything settles in time -> a report with the trace's
// hash.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/saboteurs.h"
#include "tests/sim/world.h"

namespace sluice::sim {

struct Report {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;
  std::vector<Broken> broken;  // empty: every promise was kept
  std::uint64_t arrivals = 0;
  std::uint64_t crashes = 0;
  std::uint64_t steps = 0;
  Duration virtual_time;
};

// `saboteur` may be null; `reader` is given the trace's lines when it is not empty.
Report run_seed(std::uint64_t seed, const Saboteur* saboteur = nullptr,
                const Trace::Reader& reader = {});

// "seed 7: P1: 11 arrivals ... at 12.3 s; repeat: scripts/simulate --seed=7 --trace"
std::string line_of(const Report& report, const Saboteur* saboteur = nullptr);

}  // namespace sluice::sim
