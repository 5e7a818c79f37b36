// Design 4.2 rule 4: what goes in order. A message of a FIFO queue starts only after every message
// of its key that was put into the queue before it has ended: so they start in their order, and a
// retry comes before what is behind it. Behind one that died and stops its key nothing starts until
// somebody has opened the key since, or has said until when it is paused.
#include <algorithm>
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
    if (place_.contains(message.identity)) return;  // with other bytes
    place_[message.identity] = {&line, line.messages.size()};
    if (message.stops_dead) stopping_.insert(message.identity);
    line.messages.push_back(message.identity);
  }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime) override {
    // A pause with an end takes the stop's place as that of any pause (check_pauses.cc).
    if (const auto* hold = std::get_if<limiter::SetHold>(&call);
        hold != nullptr && (!hold->closed || hold->hold.until.us != 0)) {
      const auto line = lines_.find(hold->key);
      if (line != lines_.end() && hold->hold.said_at > line->second.stopped_at) {
        line->second.is_stopped = false;
      }
    }
    for_each_settlement(call, answer, [this](const std::string& identity, const limiter::End& end) {
      const auto at = place_.find(identity);
      if (at == place_.end() || !ended_.insert(identity).second) return;
      if (end.settlement != wire::Settlement::kDead || !stopping_.contains(identity)) return;
      Line& line = *at->second.first;
      line.is_stopped = true;
      line.stopped_at = std::max(line.stopped_at, end.at);
    });
  }
  void started(const StartedAttempt& start) override {
    const auto at = place_.find(start.attempt.identity);
    if (at == place_.end()) return;
    auto& [line, place] = at->second;
    if (line->is_stopped) {
      world_.breaks("in order", Trace::hex(start.attempt.identity) +
                                    " starts behind one that died and stops its key");
    }
    while (line->open < place && ended_.contains(line->messages[line->open])) ++line->open;
    if (line->open >= place) return;
    world_.breaks("in order", Trace::hex(start.attempt.identity) + " starts before the end of " +
                                  Trace::hex(line->messages[line->open]));
  }

 private:
  struct Line {
    std::vector<std::string> messages;  // identities, in their order
    std::size_t open = 0;               // all before it have ended
    bool is_stopped = false;
    StoreTime stopped_at;
  };

  World& world_;
  std::map<std::string, Line> lines_;                           // by key
  std::map<std::string, std::pair<Line*, std::size_t>> place_;  // by identity
  std::set<std::string> ended_;
  std::set<std::string> stopping_;  // that stop their key if they die
};

}  // namespace

std::unique_ptr<Witness> check_in_order(World& world) { return std::make_unique<InOrder>(world); }

}  // namespace sluice::sim
