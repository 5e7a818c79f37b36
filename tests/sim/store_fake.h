// The limiter's store: the real script over a store in memory, under a clock that may step. It
// outlives the limiter. Who calls it through outside_call() gets the five endings.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "limiter/memory_store.h"
#include "tests/sim/witness.h"

namespace sluice::sim {

class StoreFake {
 public:
  StoreFake(World& world, Witnesses& witnesses, limiter::StoreConfig settings)
      : world_(world), witnesses_(witnesses), settings_(std::move(settings)), store_(settings_) {}

  // One atomic script, asked for by this process.
  limiter::StoreReply apply(const limiter::StoreAsk& ask, const std::string& who);
  // Other limits, from its next call on.
  void edit(limiter::StoreConfig settings);
  // For saboteurs: an edit takes it that nothing went before.
  void forget_by_edits() { edits_forget_ = true; }
  // ... a key opens at once when a warning's hold ends; no pause holds; no attempt of a key is
  // under way.
  void forget_warnings() { warnings_pass_ = true; }
  void forget_pauses() { pauses_pass_ = true; }
  void count_none_under_way() { crowds_ = true; }
  // ... another life than before is taken for the same one; a key's log goes now and then, as from
  // a server that evicts.
  void compare_no_lives() { lives_pass_ = true; }
  void evict_logs() { evicts_ = true; }
  // From now on its clock steps and leaps, and it forgets, as the run's faults say.
  void suffer();
  // Who is to be told when it has forgotten; and who must live while its clock leaps (README).
  void tells(std::function<void()> forgot, std::function<bool()> may_leap) {
    forgot_ = std::move(forgot);
    may_leap_ = std::move(may_leap);
  }

 private:
  void note(const limiter::StoreAsk& ask, const limiter::StoreReply& reply);
  void sabotage_keys(const limiter::Call& call);
  void arrange_step();
  void arrange_leap();
  void arrange_forgetting();
  void promote(limiter::MemoryStore replica);
  [[nodiscard]] std::string next_life();
  void forgot(const char* what);

  World& world_;
  Witnesses& witnesses_;
  limiter::StoreConfig settings_;
  limiter::MemoryStore store_;
  // The primary of before, for those who have not heard that it is none any more.
  std::optional<limiter::MemoryStore> old_;
  std::set<std::string> callers_, stays_;
  int primaries_ = 0;
  int lives_ = 1;
  std::function<void()> forgot_;
  std::function<bool()> may_leap_;

  bool edits_forget_ = false, lives_pass_ = false, evicts_ = false;
  bool warnings_pass_ = false, pauses_pass_ = false, crowds_ = false;
};

}  // namespace sluice::sim
