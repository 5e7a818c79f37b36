// P9, explained: whoever asks about a waiting message is told why it waits, and the reason holds;
// where nothing comes between, there is always an answer, and it names a time. (producer.cc: a 429
// names a time, too.)
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

using wire::Wait;

constexpr Instant kBegun{5'000'000};  // everybody has booted and met

class P9 : public Witness {
 public:
  P9(World& world, const Settings& settings)
      : world_(world), settings_(settings), people_(world.faults.people.every > Duration{0}) {}

  void accepted(const AcceptedMessage& message) override {
    ++keys_[message.key].open;
    messages_[message.identity].key = message.key;
  }
  void queued_in_order(const wire::Offer& message) override {
    const bool is_rival = !queued_.insert(message.identity).second;
    if (is_rival && message.stops_dead) rivals_.insert({message.identity, message.content_hash});
  }
  // One that has another one's identity dies, and stops its key.
  void copy_received(const wire::Offer& copy) override {
    keys_[copy.key].stopped |= rivals_.contains({copy.identity, copy.content_hash});
  }
  void row_put(const wire::Offer& row) override {
    Message& message = messages_[row.identity];
    message.not_before = row.not_before;
    message.stops_dead = row.stops_dead;
  }
  void answered(const AnsweredAttempt& answer) override {
    Key& key = keys_[answer.key];
    key.warned |= answer.status == 429 || answer.status == 503 || answer.status == 403;
    unreachable_ |= !answer.started;
  }
  void store_forgot() override { forgot_ = true; }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime) override {
    if (const auto* hold = std::get_if<limiter::SetHold>(&call)) {
      closed_.insert({hold->upstream, hold->key});
    }
    for_each_grant(call, answer, [this](const auto& identity, const auto& ask, const auto&) {
      tried_.insert(identity);
      keys_[ask.line.key].granted.push_back(world_.now());
    });
    for_each_settlement(call, answer, [this](const std::string& identity, const limiter::End& end) {
      const auto at = messages_.find(identity);
      if (at == messages_.end() || at->second.settled) return;
      at->second.settled = true;
      Key& key = keys_[at->second.key];
      --key.open;
      key.stopped |= at->second.stops_dead && end.settlement == wire::Settlement::kDead;
    });
  }
  void explained(const std::string& identity, const ingest::Found& found) override {
    const auto at = messages_.find(identity);
    if (at == messages_.end() || at->second.settled) return;
    Message& message = at->second;
    if (found.name.state != ingest::NameState::kWaiting) return;
    if (!found.forecast) {
      if (is_calm()) breaks("nobody says why it waits", identity);
      return;
    }
    const wire::Quoted& said = *found.forecast;
    if (!holds(message, identity, said))
      breaks("the reason does not hold (" + std::to_string(static_cast<int>(said.why)) + ")",
             identity);
    if (is_calm() && said.why != Wait::kUnderway && said.departs_at.us == 0)
      breaks("nobody says when it goes", identity);
  }

 private:
  struct Message {
    std::string key;
    StoreTime not_before;
    bool stops_dead = false;
    bool settled = false;
  };
  struct Key {
    std::int64_t open = 0;  // accepted, not settled
    bool warned = false;
    bool stopped = false;  // by one that died
    std::vector<Instant> granted;
  };
  // Nothing fails, and everybody has booted and met.
  [[nodiscard]] bool is_calm() const { return settings_.explained_day && world_.now() > kBegun; }
  [[nodiscard]] bool person_closed(const std::string& key) const {
    const std::string upstream = key.substr(0, key.find(':'));
    return closed_.contains({upstream, key}) || closed_.contains({upstream, ""});
  }

  [[nodiscard]] bool holds(const Message& message, const std::string& identity,
                           const wire::Quoted& said) {
    const Key& key = keys_[message.key];
    const bool calm = is_calm();
    switch (said.why) {
      case Wait::kNone:
      case Wait::kUnderway:
      case Wait::kUnloaded:
        return true;
      case Wait::kNotBefore:
        return message.not_before > said.now - seconds(1);
      case Wait::kBackoff:
        return tried_.contains(identity) || !calm;
      case Wait::kBehind:
        return key.open > 1 || !calm;
      case Wait::kInFlight:
      case Wait::kWindowFull:
      case Wait::kPacing:
        return forgot_ || !key.granted.empty() || said.position > 0 || !calm;
      case Wait::kPaused:
        // A limiter keeps a person's word before the store does.
        return people_ || key.warned || key.stopped;
      case Wait::kPenalty:
        return key.warned || person_closed(message.key);
      case Wait::kBreaker:
        return unreachable_;
      case Wait::kClosure:
        return forgot_ || world_.faults.store_as_whole.leap_every > Duration{0} || !calm;
      case Wait::kUpstreamFull:
      case Wait::kNoDispatcher:
      case Wait::kStoreDown:
      case Wait::kAuditorAway:
      case Wait::kClockUnsure:
        return !calm;
    }
    return false;
  }
  void breaks(const std::string& what, const std::string& identity) {
    world_.breaks("P9", what + ": " + Trace::hex(identity));
  }

  World& world_;
  const Settings& settings_;
  std::map<std::string, Message> messages_;  // by identity
  std::map<std::string, Key> keys_;
  std::set<std::pair<std::string, std::string>> closed_;  // by a person, ever
  std::set<std::string> tried_;                           // had a grant
  std::set<std::string> queued_;                          // in order
  std::set<std::pair<std::string, std::string>> rivals_;  // ... by identity and bytes
  bool people_;
  bool forgot_ = false, unreachable_ = false;
};

}  // namespace

std::unique_ptr<Witness> check_p9(World& world, const Settings& settings) {
  return std::make_unique<P9>(world, settings);
}

}  // namespace sluice::sim
