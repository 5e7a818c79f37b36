// P4, waiting is not failing: a message is dead only after attempts that really were, never more
// than attempts_max of them, or by an upstream's refusal. None is dead or expired before its time
// because it waited.
#include <map>
#include <optional>
#include <set>
#include <string>

#include "tests/sim/checks.h"
#include "tests/sim/settlements.h"

namespace sluice::sim {
namespace {

class P4 : public Witness {
 public:
  P4(World& world, const Settings& settings) : world_(world), settings_(settings) {}

  void accepted(const AcceptedMessage& message) override {
    Message& known = messages_[message.identity];
    known.expires_at = message.expires_at;
    look_at_expiry(known, message.identity);
  }
  void cancel_asked(const std::string& identity) override { messages_[identity].cancelled = true; }
  void dead_letter(const wire::Settled& settled) override {
    if (!dead_.contains(settled.identity))
      breaks("a dead letter that nobody called dead", settled.identity);
  }
  void store_forgot() override {
    forgotten_ = true;
    settled_.clear();
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
    for_each_settlement(call, answer, [&](const std::string& identity, const limiter::End& end) {
      settled(identity, end, now);
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
    std::optional<StoreTime> expires_at;  // as promised
    std::optional<StoreTime> expired;     // when the store said so
    bool cancelled = false;
  };

  void settled(const std::string& identity, const limiter::End& end, StoreTime now) {
    // The first word counts: later answers repeat it, and late outcomes do not change it.
    if (!settled_.insert(identity).second) return;
    Message& message = messages_[identity];
    if (end.settlement == wire::Settlement::kCancelled && !message.cancelled)
      breaks("cancelled, and nobody asked for it", identity);
    if (end.settlement == wire::Settlement::kExpired) {
      message.expired = now;
      look_at_expiry(message, identity);
    }
    if (end.settlement == wire::Settlement::kDead) died(message, identity, end, now);
  }
  void look_at_expiry(const Message& message, const std::string& identity) {
    if (message.expires_at && message.expired && *message.expired < *message.expires_at)
      breaks("expired before its time", identity);
  }
  void died(const Message& message, const std::string& identity, const limiter::End& end,
            StoreTime now) {
    dead_.insert(identity);
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
  std::map<std::string, Message> messages_;
  std::set<std::string> settled_, dead_;
  bool forgotten_ = false;  // the store did: nobody knows whether a message was sent before
};

}  // namespace

std::unique_ptr<Witness> check_p4(World& world, const Settings& settings) {
  return std::make_unique<P4>(world, settings);
}

}  // namespace sluice::sim
