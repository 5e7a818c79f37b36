// The limiter's store: the real script over a store in memory, under a clock that may step. It
// outlives the limiter. Who calls it through outside_call() gets the five endings.
#pragma once

#include "limiter/memory_store.h"
#include "tests/sim/witness.h"

namespace sluice::sim {

class StoreFake {
 public:
  StoreFake(World& world, Witnesses& witnesses, limiter::StoreConfig settings)
      : world_(world), witnesses_(witnesses), store_(std::move(settings)) {}

  // One atomic script.
  limiter::StoreReply apply(const limiter::StoreAsk& ask);
  // From now on its clock steps as the run's faults say.
  void suffer();

 private:
  void note(const limiter::StoreAsk& ask, const limiter::StoreReply& reply);

  World& world_;
  Witnesses& witnesses_;
  limiter::MemoryStore store_;
  Duration ahead_;
};

}  // namespace sluice::sim
