// Planted bugs, each of which some seed must catch: the proof that the checkers see.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/sim/faults.h"
#include "tests/sim/settings.h"

namespace sluice::sim {

class System;

struct Saboteur {
  std::string name;
  std::function<void(Settings&)> settings;  // a core's own seam
  std::function<void(System&)> system;      // effects dropped, doubled, swapped, hastened
  // The days on which the bug would show. Without the bug, every promise is kept on them as well.
  std::function<void(Settings&, Faults&)> weather = {};
  std::string harmless = {};  // why nobody can see it; empty: it is to be caught
  bool any_day = false;       // on days with every fault that a seed may draw
};

const std::vector<Saboteur>& saboteurs();
// Those of them that are about the store and who shares it.
std::vector<Saboteur> store_saboteurs();
// ... about edits of limits.
std::vector<Saboteur> limit_saboteurs();
// ... about the front door of a queue.
std::vector<Saboteur> door_saboteurs();
// ... about what goes in order.
std::vector<Saboteur> order_saboteurs();
// What breaks no promise. For each of those that has a weather: that weather, and nothing planted,
// named "NAME, not planted". And bugs of a neighbour that a core must stand.
const std::vector<Saboteur>& weathers();
// Of either list; nullptr when there is none of that name.
const Saboteur* find_saboteur(const std::string& name);

}  // namespace sluice::sim
