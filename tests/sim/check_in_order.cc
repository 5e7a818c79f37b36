// Design 4.2 rule 4: what goes in order. A message of a FIFO queue starts only after every message
// of its key that was put into the queue before it has ended: so they start in their order, and a
// retry comes before what is behind it. Behind one that died and stops its key nothing starts until
// somebody has opened the key since, or has said until when it is paused: one that had its turn, or
// one whose identity another message has, and which never was a row.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/wire/identity.h"
#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

class InOrder : public Witness {
 public:
  explicit InOrder(World& world) : world_(world) {}

  void queued_in_order(const wire::Offer& message) override {
    Line& line = lines_[message.key];
    behind_.try_emplace({message.identity, message.content_hash}, line.messages.size());
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
      if (line != lines_.end()) opens(line->second, hold->hold.said_at);
    }
    for_each_settlement(call, answer, [this](const std::string& identity, const limiter::End& end) {
      const auto at = place_.find(identity);
      if (at == place_.end() || !ended_.insert(identity).second) return;
      if (end.settlement != wire::Settlement::kDead || !stopping_.contains(identity)) return;
      stops(*at->second.first, 0, end.at);
    });
  }
  // Once: what comes again after its letter was taken may find those behind it on their way.
  void dead_letter(const wire::Offer& message, const wire::Settled& why) override {
    if (!message.in_order || !message.stops_dead || why.reason != wire::kIdConflict) return;
    const auto behind = behind_.extract({message.identity, message.content_hash});
    if (behind.empty()) return;
    Line& line = lines_[message.key];
    if (why.at > line.opened_at) stops(line, behind.mapped(), why.at);
  }
  void started(const StartedAttempt& start) override {
    const auto at = place_.find(start.attempt.identity);
    if (at == place_.end()) return;
    auto& [line, place] = at->second;
    if (place >= line->stopped_from) {
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
    std::vector<std::string> messages;    // identities, in their order
    std::size_t open = 0;                 // all before it have ended
    std::size_t stopped_from = SIZE_MAX;  // this one, and all behind it
    StoreTime stopped_at;
    StoreTime opened_at;  // the last word that opens it was said then
  };

  static void stops(Line& line, std::size_t from, StoreTime at) {
    line.stopped_from = std::min(line.stopped_from, from);
    line.stopped_at = std::max(line.stopped_at, at);
  }
  static void opens(Line& line, StoreTime said_at) {
    line.opened_at = std::max(line.opened_at, said_at);
    if (said_at > line.stopped_at) line.stopped_from = SIZE_MAX;
  }

  World& world_;
  std::map<std::string, Line> lines_;                           // by key
  std::map<std::string, std::pair<Line*, std::size_t>> place_;  // by identity
  // By identity and bytes: the place of the first that is behind it in its key.
  std::map<std::pair<std::string, std::string>, std::size_t> behind_;
  std::set<std::string> ended_;
  std::set<std::string> stopping_;  // that stop their key if they die
};

}  // namespace

std::unique_ptr<Witness> check_in_order(World& world) { return std::make_unique<InOrder>(world); }

}  // namespace sluice::sim
