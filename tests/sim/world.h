// The simulated world: one agenda, one source of chance, one trace, the faults of this run, and the
// checkers that are told of everything that happens outside the processes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/prng.h"
#include "tests/sim/agenda.h"
#include "tests/sim/faults.h"
#include "tests/sim/trace.h"

namespace sluice::sim {

// A promise that was broken: which checker saw it, when and how.
struct Broken {
  std::string checker;  // "P1"
  std::string what;
  Instant at;
};

class World {
 public:
  World(std::uint64_t seed, const Faults& with) : prng(seed), faults(with) {}

  [[nodiscard]] Instant now() const { return agenda.now(); }
  // Store time, were every clock right: the run begins on 2026-11-21.
  [[nodiscard]] StoreTime epoch_now() const { return StoreTime{kEpochUs + now().us}; }

  // What the limiter's store takes for the time.
  [[nodiscard]] StoreTime store_now() const { return epoch_now() + store_ahead; }

  template <class... Parts>
  void note(std::string_view who, const Parts&... parts) {
    trace.line(now(), who, parts...);
  }
  void breaks(std::string checker, std::string what);
  [[nodiscard]] bool holds() const { return broken.empty(); }
  // A draw around this mean: between nothing and twice of it.
  Duration around(Duration mean) { return prng.between(Duration{1}, mean * 2); }
  void heal();

  static constexpr std::int64_t kEpochUs = 1'795'226'400'000'000;

  Agenda agenda;
  Prng prng;
  Trace trace;
  Faults faults;
  bool healed = false;
  Instant healed_at;
  Duration store_ahead;  // how far the store's clock is ahead of the true one
  std::vector<Broken> broken;
};

}  // namespace sluice::sim
