// P8, bounded: each process holds at most what its settings say. (Frames, effects of one call and
// attempts under way are counted where they pass: node.h, dispatcher_node.cc.)
#include <string>

#include "limiter/core.h"
#include "tests/sim/checks.h"

namespace sluice::sim {

void check_p8(World& world, const limiter::LimiterCore& core, const limiter::Config& config) {
  // Beyond the bound each key keeps its head: keys do not wait for each other (P6).
  if (core.messages() > config.messages_max + core.keys())
    world.breaks("P8", "the limiter holds " + std::to_string(core.messages()) +
                           " messages, and may hold " + std::to_string(config.messages_max) +
                           " and the heads of " + std::to_string(core.keys()) + " keys");
  // What was asked before the bound was reached still comes back, with its lines.
  const std::size_t asked = config.batch_max * 16;
  if (core.unrecorded() > config.unrecorded_max + config.words_max + asked)
    world.breaks("P8", std::to_string(core.unrecorded()) + " lines wait for the auditor");
}

}  // namespace sluice::sim
