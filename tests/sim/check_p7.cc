// P7, a warning closes the key: no process that knows of a warning starts an attempt of that key
// before its end, neither the dispatcher that has read it or was told to recall, nor the limiter
// that was told, which dispatches none.
// Who reads a warning passes it on in the same turn: the dispatcher to its limiters, and the
// limiter to its dispatchers, unless it has recalled that key for longer before.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "tests/sim/checks.h"

namespace sluice::sim {
namespace {

class P7 : public Witness {
 public:
  explicit P7(World& world) : world_(world) {
    if (world.faults.store_step_every > Duration{0}) slack_ = slack_ + seconds(1);
    // Whoever is told until when, in store time, is right to go by it when that leaps.
    if (world.faults.store_as_whole.leap_every > Duration{0}) slack_ = slack_ + minutes(10);
  }

  void started(const StartedAttempt& start) override {
    const auto closed = closed_until_.find({start.process, start.key});
    if (closed != closed_until_.end() && world_.now() + slack_ < closed->second)
      world_.breaks("P7", start.process + " starts " + start.key + ", which it knows is closed");
  }
  void dispatched(const std::string& process, const wire::Dispatch& dispatch) override {
    const auto closed = closed_until_.find({process, dispatch.key});
    if (closed != closed_until_.end() && world_.now() + slack_ < closed->second)
      world_.breaks("P7", process + " dispatches " + dispatch.key + ", which it knows is closed");
  }
  void warned(const std::string& process, const std::string& key, Duration wait) override {
    close(process, key, wait);
  }
  void recalled(const std::string& process, const wire::Recall& recall) override {
    Recalled& said = recalled_[{process, recall.key}];
    said.at = world_.now();
    said.until = std::max(said.until, world_.now() + (recall.until - world_.store_now()));
  }
  void recall_due(const std::string& process, const std::string& key, Duration wait) override {
    const auto said = recalled_.find({process, key});
    const bool now = said != recalled_.end() && said->second.at + slack_ >= world_.now();
    const bool before =
        said != recalled_.end() && said->second.until + slack_ >= world_.now() + wait;
    if (!now && !before)
      world_.breaks("P7", process + " was told that " + key + " is closed, and recalls nothing");
  }
  void kept_warning(const std::string& process, const std::string& key) override {
    world_.breaks("P7", process + " has read that " + key + " is closed, and tells nobody");
  }
  void answered(const AnsweredAttempt& answer) override {
    if (answer.status != 429 || answer.retry_after <= Duration{0}) return;
    close(answer.process, answer.key, answer.retry_after);
  }

 private:
  void close(const std::string& process, const std::string& key, Duration wait) {
    Instant& until = closed_until_[{process, key}];
    until = std::max(until, world_.now() + wait);
  }

  struct Recalled {
    Instant at;     // last
    Instant until;  // the longest
  };

  World& world_;
  std::map<std::pair<std::string, std::string>, Recalled> recalled_;  // by limiter life and key
  Duration slack_ = milliseconds(5);  // clocks drift, and the store's may step
  std::map<std::pair<std::string, std::string>, Instant> closed_until_;  // by process life and key
};

}  // namespace

std::unique_ptr<Witness> check_p7(World& world) { return std::make_unique<P7>(world); }

}  // namespace sluice::sim
