// Who looks after Sluice: closes keys and whole upstreams for a while or until further notice,
// opens them again, and in the end opens everything; edits limits in the middle of their windows,
// and in the end puts them back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/settings.h"
#include "tests/sim/world.h"

namespace sluice::sim {

class People {
 public:
  using Upstreams = std::vector<Upstream>;
  // `say` brings a word to the limiter, if a wire leads there now; `edit` gives everybody new
  // settings.
  People(World& world, const Settings& settings, std::function<void(const wire::Control&)> say,
         std::function<void(const Upstreams&)> edit)
      : world_(world),
        settings_(settings),
        upstreams_(settings.upstreams),
        say_(std::move(say)),
        edit_(std::move(edit)) {}

  // From now on they interfere as the run's faults say; after heal() they open what is closed.
  void begin();

 private:
  void arrange();
  void open_everything();
  [[nodiscard]] wire::Control draw();
  void arrange_edit();

  World& world_;
  const Settings& settings_;
  Upstreams upstreams_;  // as they were edited
  std::function<void(const wire::Control&)> say_;
  std::function<void(const Upstreams&)> edit_;
  std::uint64_t said_ = 0;
};

}  // namespace sluice::sim
