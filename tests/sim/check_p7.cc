// P7, a warning closes the key: the process that has read a warning starts no attempt of that key
// before its end.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "tests/sim/checks.h"

namespace sluice::sim {
namespace {

class P7 : public Witness {
 public:
  explicit P7(World& world) : world_(world) {}

  void started(const StartedAttempt& start) override {
    const auto closed = closed_until_.find({start.process, start.key});
    // Clocks drift; a whole second of Retry-After is what was said.
    if (closed != closed_until_.end() && world_.now() + milliseconds(5) < closed->second)
      world_.breaks("P7", start.process + " starts " + start.key + ", which it knows is closed");
  }
  void answered(const AnsweredAttempt& answer) override {
    if (answer.status != 429 || answer.retry_after <= Duration{0}) return;
    Instant& until = closed_until_[{answer.process, answer.key}];
    until = std::max(until, world_.now() + answer.retry_after);
  }

 private:
  World& world_;
  std::map<std::pair<std::string, std::string>, Instant> closed_until_;  // by process life and key
};

}  // namespace

std::unique_ptr<Witness> check_p7(World& world) { return std::make_unique<P7>(world); }

}  // namespace sluice::sim
