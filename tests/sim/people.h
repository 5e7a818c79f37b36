// Who looks after Sluice: closes keys and whole upstreams for a while or until further notice,
// opens them again, and in the end opens everything.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/settings.h"
#include "tests/sim/world.h"

namespace sluice::sim {

class People {
 public:
  // `say` brings a word to the limiter, if a wire leads there now.
  People(World& world, const Settings& settings, std::function<void(const wire::Control&)> say)
      : world_(world), settings_(settings), say_(std::move(say)) {}

  // From now on they interfere as the run's faults say; after heal() they open what is closed.
  void begin();

 private:
  void arrange();
  void open_everything();
  [[nodiscard]] wire::Control draw();

  World& world_;
  const Settings& settings_;
  std::function<void(const wire::Control&)> say_;
  std::uint64_t said_ = 0;
};

}  // namespace sluice::sim
