// Design 4.2 rule 4: what goes in order. A message of a FIFO queue starts only after every message
// of its key that was put into the queue before it has ended: so they start in their order, and a
// retry comes before what is behind it.
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

class InOrder : public Witness {
 public:
  explicit InOrder(World& world) : world_(world) {}

  void queued_in_order(const wire::Offer& message) override {
    Line& line = lines_[message.key];
    place_[message.identity] = {&line, line.messages.size()};
    line.messages.push_back(message.identity);
  }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime) override {
    for_each_settlement(call, answer, [this](const std::string& identity, const auto&) {
      if (place_.contains(identity)) ended_.insert(identity);
    });
  }
  void started(const StartedAttempt& start) override {
    const auto at = place_.find(start.attempt.identity);
    if (at == place_.end()) return;
    auto& [line, place] = at->second;
    while (line->open < place && ended_.contains(line->messages[line->open])) ++line->open;
    if (line->open >= place) return;
    world_.breaks("in order", Trace::hex(start.attempt.identity) + " starts before the end of " +
                                  Trace::hex(line->messages[line->open]));
  }

 private:
  struct Line {
    std::vector<std::string> messages;  // identities, in their order
    std::size_t open = 0;               // all before it have ended
  };

  World& world_;
  std::map<std::string, Line> lines_;                           // by key
  std::map<std::string, std::pair<Line*, std::size_t>> place_;  // by identity
  std::set<std::string> ended_;
};

}  // namespace

std::unique_ptr<Witness> check_in_order(World& world) { return std::make_unique<InOrder>(world); }

}  // namespace sluice::sim
