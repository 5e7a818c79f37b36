// Planted bugs, each of which some seed must catch: the proof that the checkers see.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/sim/settings.h"

namespace sluice::sim {

class System;

struct Saboteur {
  std::string name;
  std::function<void(Settings&)> settings;  // a core's own seam
  std::function<void(System&)> system;      // effects dropped, doubled, swapped, hastened
};

const std::vector<Saboteur>& saboteurs();
const Saboteur* find_saboteur(const std::string& name);

}  // namespace sluice::sim
