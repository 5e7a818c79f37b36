// The limiter's store: the real script over a store in memory, under a clock that may step. It
// outlives the limiter. Who calls it through outside_call() gets the five endings.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "limiter/memory_store.h"
#include "tests/sim/settings.h"
#include "tests/sim/witness.h"

namespace sluice::sim {

class StoreFake {
 public:
  StoreFake(World& world, Witnesses& witnesses, limiter::StoreConfig settings)
      : world_(world),
        witnesses_(witnesses),
        settings_(std::move(settings)),
        now_{0, limiter::MemoryStore(settings_)} {}

  // One atomic script, asked for by this process.
  limiter::StoreReply apply(const limiter::StoreAsk& ask, const std::string& who);
  // A limiter starts with these settings, or hears of them: with its next call it says which limits
  // they have.
  void reads(const std::string& who, std::vector<Upstream> upstreams);
  // For saboteurs: its limits are wider than was said; an edit takes it that nothing went before.
  void give_more(std::uint32_t units) { gives_more_ = units; }
  void forget_by_edits() { edits_forget_ = true; }
  // ... an edit is answered, and the limits of before go on; whatever it was made from, it is
  // taken; it comes once more, later; who starts undoes it; who asks by others is not refused.
  void sabotage_edits(EditBugs bugs) { edit_bugs_ = bugs; }
  void sabotage(StoreBugs bugs) { bugs_ = bugs; }
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
  // Who is to be told when it has forgotten.
  void tells(std::function<void()> forgot) { forgot_ = std::move(forgot); }

 private:
  // One Redis server: what it keeps, and a number that tells it from others.
  struct Server {
    int number = 0;
    limiter::MemoryStore store;
  };
  void say_settings(Server& server, const std::string& who);
  limiter::StoreReply perform(Server& server, limiter::StoreAsk ask, const std::string& who);
  void believe(limiter::Call& call, limiter::MemoryShard& shard);
  void mislead(const limiter::Call& call, limiter::Answer& answer, const std::string& who) const;
  void pretend(const limiter::SetLimits& edit, limiter::MemoryShard& shard,
               const limiter::ShardRecord& before);
  void note(const limiter::StoreAsk& ask, const limiter::StoreReply& reply);
  void sabotage_keys(const limiter::Call& call);
  void arrange_step();
  void arrange_leap();
  void arrange_forgetting();
  void promote(Server replica);
  [[nodiscard]] std::string next_life();
  void forgot(const char* what);

  World& world_;
  Witnesses& witnesses_;
  limiter::StoreConfig settings_;
  Server now_;
  // The primary of before, for those who have not heard that it is none any more.
  std::optional<Server> old_;
  std::set<std::string> callers_, stays_;
  std::map<std::string, std::vector<Upstream>> files_;  // by limiter, as it has read them
  std::set<std::pair<int, std::string>> told_;          // servers, and who has told them that
  int primaries_ = 0, servers_ = 0;
  int lives_ = 1;
  std::function<void()> forgot_;
  Duration leapt_;  // of how far its clock is ahead; the rest of it are steps

  std::uint32_t gives_more_ = 0;
  EditBugs edit_bugs_;
  StoreBugs bugs_;
  std::map<std::string, limiter::ShardLimits> promised_;  // by upstream, what is not kept
  bool edits_forget_ = false, lives_pass_ = false, evicts_ = false;
  bool warnings_pass_ = false, pauses_pass_ = false, crowds_ = false;
};

}  // namespace sluice::sim
