#include "tests/sim/world.h"

#include <utility>

namespace sluice::sim {

void World::breaks(std::string checker, std::string what) {
  note("BROKEN", checker, what);
  // A run that is broken thoroughly need not fill the memory with the news.
  if (broken.size() < 100) broken.push_back({std::move(checker), std::move(what), now()});
}

void World::heal() {
  note("world", "healed");
  faults = Faults::none();
  healed = true;
  store_ahead = {};
}

}  // namespace sluice::sim
