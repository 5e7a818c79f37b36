// P6, where keys share they take turns: while a key has something waiting all the time, it gets at
// least half of its weight's share of what the upstream's shared limit lets go, in the long run.
// Watched on shared days, where nothing else holds a key up.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

constexpr std::uint64_t kRounds = 6;  // so many of all keys are a long run

class TakeTurns : public Witness {
 public:
  explicit TakeTurns(World& world) : world_(world) {}

  void row_put(const wire::Offer& row) override { comes(row); }
  void copy_received(const wire::Offer& copy) override { comes(copy); }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime) override {
    for_each_grant(call, answer, [this](const auto& identity, const auto& ask, const auto&) {
      goes(shared_[ask.line.upstream], ask.line.key, identity);
    });
  }

 private:
  struct Key {
    std::uint64_t weight = 1;
    std::set<std::string> waiting;
    std::uint64_t from = 0;  // what had gone of all keys when it began to wait
    std::uint64_t got = 0;   // since then
  };
  struct Shared {
    std::map<std::string, Key> keys;
    std::uint64_t gone = 0;
    std::uint64_t weights = 0;
  };

  void comes(const wire::Offer& offer) {
    if (!known_.insert(offer.identity).second) return;  // a copy became a row
    Shared& shared = shared_[offer.upstream];
    const auto [at, is_new] = shared.keys.try_emplace(offer.key);
    Key& key = at->second;
    if (is_new) {
      key.weight = std::max<std::uint32_t>(1, offer.weight);
      shared.weights += key.weight;
    }
    if (key.waiting.empty()) key.from = shared.gone, key.got = 0;
    key.waiting.insert(offer.identity);
  }
  void goes(Shared& shared, const std::string& name, const std::string& identity) {
    Key& granted = shared.keys[name];
    if (granted.waiting.erase(identity) == 0) return;
    ++shared.gone;
    ++granted.got;
    for (const auto& [other, key] : shared.keys) {
      const std::uint64_t gone = shared.gone - key.from;
      if (key.waiting.empty() || gone < kRounds * shared.weights) continue;
      if (2 * key.got * shared.weights < gone * key.weight)
        world_.breaks("P6", other + " gets " + std::to_string(key.got) + " of " +
                                std::to_string(gone) + " turns among " +
                                std::to_string(shared.keys.size()) + " keys");
    }
  }

  World& world_;
  std::set<std::string> known_;
  std::map<std::string, Shared> shared_;  // by upstream
};

}  // namespace

std::unique_ptr<Witness> check_turns(World& world, const Settings& settings) {
  return settings.shared_day ? std::make_unique<TakeTurns>(world) : nullptr;
}

}  // namespace sluice::sim
