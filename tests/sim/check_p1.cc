// P1, never over: in every closed window [t, t+W], measured where the upstream receives them, at
// most N requests of a limit arrive.
#include <deque>
#include <map>
#include <string>

#include "tests/sim/checks.h"

namespace sluice::sim {
namespace {

class P1 : public Witness {
 public:
  P1(World& world, const Settings& settings) : world_(world), settings_(settings) {}

  void arrived(const wire::Attempt&, const std::string& key) override {
    const std::string upstream = key.substr(0, key.find(':'));
    for (const Upstream& one : settings_.upstreams) {
      if (one.name != upstream) continue;
      for (const Limit& limit : one.limits)
        count(limit, upstream + "/" + limit.name + "/" +
                         (limit.scope == LimitScope::kKey ? key : std::string()));
    }
  }

 private:
  void count(const Limit& limit, const std::string& log) {
    std::deque<Instant>& window = windows_[log];
    window.push_back(world_.now());
    while (window.front() < world_.now() - limit.window) window.pop_front();
    if (window.size() > limit.n)
      world_.breaks("P1", std::to_string(window.size()) + " arrivals in a closed window of " +
                              std::to_string(limit.n) + " at " + log);
  }

  World& world_;
  const Settings& settings_;
  std::map<std::string, std::deque<Instant>> windows_;
};

}  // namespace

std::unique_ptr<Witness> check_p1(World& world, const Settings& settings) {
  return std::make_unique<P1>(world, settings);
}

}  // namespace sluice::sim
