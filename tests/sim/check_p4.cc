// P4, waiting is not failing: a message is dead only after attempts that really were, never more
// than attempts_max of them, or by an upstream's refusal. None is dead or expired before its time
// because it waited.
#include <map>
#include <optional>
#include <set>
#include <string>

#include "tests/sim/checks.h"
#include "tests/sim/contents.h"

namespace sluice::sim {
namespace {

class P4 : public Witness {
 public:
  P4(World& world, const Settings& settings) : world_(world), settings_(settings) {}

  void accepted(const AcceptedMessage& message) override {
    contents_.accepted(message);
    Expiry& known = expiries_[named(message)];
    known.promised = message.expires_at;
    look_at_expiry(known, message.identity);
  }
  void cancel_asked(const std::string& identity) override { messages_[identity].cancelled = true; }
  // Of what lost its identity to another: that there is another, check_p2.cc looks at.
  void dead_letter(const wire::Offer& message, const wire::Settled& why) override {
    if (!dead_.contains(named(message)) && why.reason != wire::kIdConflict)
      breaks("a dead letter that nobody called dead", message.identity);
  }
  // That an attempt never started is said once: a store that has its grant, and forgot its end,
  // cannot know it.
  void store_forgot() override {
    forgotten_ = true;
    settled_.clear();
    for (auto& [identity, message] : messages_) {
      const auto& started = message.started;
      std::erase_if(message.ended, [&](const auto& end) { return !started.contains(end.first); });
    }
  }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime now) override {
    if (const auto* grant = std::get_if<limiter::Grant>(&call))
      for (const limiter::GrantAsk& ask : grant->asks)
        messages_[ask.line.identity].upstream = ask.line.upstream;
    for_each_grant(call, answer, [&](const auto& identity, const auto&, const auto& grant) {
      Message& message = messages_[identity];
      message.granted[grant.serial] = grant.lease_end;
    });
    for_each_completion(call, answer, [&](const limiter::Completion& completion, const auto&) {
      const wire::Attempt& attempt = completion.outcome.attempt;
      messages_[attempt.identity].ended[attempt.serial] = completion.outcome.ended;
    });
    contents_.decided(call, answer);
    contents_.for_each_end(call, answer, [&](const Named& message, const limiter::End& end) {
      settled(message, end, now);
    });
  }
  void started(const StartedAttempt& start) override {
    messages_[start.attempt.identity].started.insert(start.attempt.serial);
  }

 private:
  struct Message {
    std::string upstream;
    std::map<std::uint32_t, StoreTime> granted;  // serial -> lease end
    std::map<std::uint32_t, wire::Ended> ended;
    std::set<std::uint32_t> started;
    bool cancelled = false;
  };
  struct Expiry {
    std::optional<StoreTime> promised;
    std::optional<StoreTime> expired;  // when the store said so
  };

  void settled(const Named& name, const limiter::End& end, StoreTime now) {
    // The first word counts: later answers repeat it, and late outcomes do not change it.
    if (!settled_.insert(name).second) return;
    const std::string& identity = name.identity;
    const Message& message = messages_[identity];
    if (end.settlement == wire::Settlement::kCancelled && !message.cancelled)
      breaks("cancelled, and nobody asked for it", identity);
    if (end.settlement == wire::Settlement::kExpired) {
      expiries_[name].expired = now;
      look_at_expiry(expiries_[name], identity);
    }
    if (end.settlement != wire::Settlement::kDead) return;
    dead_.insert(name);
    if (end.reason != wire::kIdConflict) died(message, identity, end, now);
  }
  void look_at_expiry(const Expiry& expiry, const std::string& identity) {
    if (expiry.promised && expiry.expired && *expiry.expired < *expiry.promised)
      breaks("expired before its time", identity);
  }
  void died(const Message& message, const std::string& identity, const limiter::End& end,
            StoreTime now) {
    const Upstream& upstream = upstream_of(message);
    const Tally tally = count(message, now);
    if (end.attempts > upstream.attempts_max + tally.throttled)
      breaks("dead after more attempts than there may be", identity);
    const bool tried_enough = tally.real >= upstream.attempts_max;
    const bool throttled_enough = tally.throttled >= upstream.throttles_max;
    const bool unknown =
        upstream.on_unknown == OnUnknown::kDead && (tally.unknown > 0 || forgotten_);
    if (!tried_enough && !throttled_enough && !unknown && tally.refused == 0)
      breaks("dead (" + end.reason + ") after " + std::to_string(tally.real) + " real attempts",
             identity);
  }

  struct Tally {
    std::uint32_t real = 0, throttled = 0, unknown = 0, refused = 0;
  };
  // An attempt counts when its bytes left, or when nobody can know whether they did.
  static Tally count(const Message& message, StoreTime now) {
    Tally tally;
    for (const auto& [serial, lease_end] : message.granted) {
      const auto end = message.ended.find(serial);
      const bool lost = end == message.ended.end() && lease_end <= now;
      const wire::Ended ended = end == message.ended.end() ? wire::Ended::kUnknown : end->second;
      tally.throttled += ended == wire::Ended::kThrottled ? 1 : 0;
      tally.refused += ended == wire::Ended::kRefused ? 1 : 0;
      tally.unknown += ended == wire::Ended::kUnknown ? 1 : 0;
      const bool left = message.started.contains(serial) || lost;
      tally.real += left && ended != wire::Ended::kThrottled ? 1 : 0;
    }
    return tally;
  }
  [[nodiscard]] const Upstream& upstream_of(const Message& message) const {
    for (const Upstream& one : settings_.upstreams)
      if (one.name == message.upstream) return one;
    return settings_.upstreams.front();
  }
  void breaks(const std::string& what, const std::string& identity) {
    world_.breaks("P4", what + ": " + Trace::hex(identity));
  }

  World& world_;
  const Settings& settings_;
  Contents contents_;
  std::map<std::string, Message> messages_;
  std::map<Named, Expiry> expiries_;
  std::set<Named> settled_, dead_;
  bool forgotten_ = false;  // the store did: nobody knows whether a message was sent before
};

}  // namespace

std::unique_ptr<Witness> check_p4(World& world, const Settings& settings) {
  return std::make_unique<P4>(world, settings);
}

}  // namespace sluice::sim
