// P3, never repeated by choice: each attempt puts its bytes on the wire once, and only with a
// grant; a message is granted again only after an attempt that failed or whose fate nobody can
// know; always the same bytes and the same Idempotency-Key. What is written of an attempt is what
// happened.
#include <map>
#include <optional>
#include <string>

#include "tests/sim/checks.h"
#include "tests/sim/contents.h"

namespace sluice::sim {
namespace {

using wire::Ended;

// An attempt that ended so has no successor.
bool final_end(Ended ended) { return ended == Ended::kDelivered || ended == Ended::kRefused; }

class P3 : public Witness {
 public:
  P3(World& world, bool fates_can_hide)
      : world_(world),
        fates_can_hide_(fates_can_hide),
        clock_is_true_(world.faults.store_step_every == Duration{0} &&
                       world.faults.store_as_whole.leap_every == Duration{0}) {}

  void accepted(const AcceptedMessage& message) override { contents_.accepted(message); }
  void decided(const limiter::Call& call, const limiter::Answer& answer, StoreTime now) override {
    for_each_grant(call, answer, [&](const auto& identity, const auto& ask, const auto& grant) {
      Message& message = messages_[identity];
      const bool may_change = message.forgotten && contents_.several(identity);
      if (!message.content.empty() && message.content != ask.line.content_hash && !may_change)
        breaks("granted with other bytes", {identity, grant.serial});
      message.content = ask.line.content_hash;
      message.forgotten = false;
      granted(identity, grant, now);
    });
    for_each_completion(call, answer, [&](const limiter::Completion& completion, const auto&) {
      completed(completion.outcome);
    });
  }
  // What the store knew of attempts before may be gone: their fates cannot be known any more; nor
  // which one of several it had taken for the message of their identity.
  void store_forgot() override {
    for (auto& [identity, message] : messages_) {
      for (auto& [serial, attempt] : message.attempts) attempt.forgotten = true;
      message.forgotten = true;
    }
  }
  void dispatched(const std::string&, const wire::Dispatch& dispatch) override {
    Attempt& attempt = messages_[dispatch.attempt.identity].attempts[dispatch.attempt.serial];
    if (attempt.dispatched) breaks("one grant dispatched twice", dispatch.attempt);
    attempt.dispatched = true;
  }
  void started(const StartedAttempt& start) override {
    Message& message = messages_[start.attempt.identity];
    Attempt& attempt = message.attempts[start.attempt.serial];
    if (attempt.started) breaks("one attempt sent twice", start.attempt);
    if (!attempt.granted) breaks("sent without a grant", start.attempt);
    if (attempt.ended) breaks("sent after its end was written", start.attempt);
    attempt.started = true;
    const Named sent{start.attempt.identity, wire::content_hash_of(start.request)};
    const auto accepted = contents_.of(sent.identity);
    if (sent.content != attempt.content) breaks("sent with other bytes", start.attempt);
    if (!accepted.empty() && !accepted.contains(sent))
      breaks("sent with bytes that nobody said", start.attempt);
    if (message.idempotency_key.empty()) message.idempotency_key = start.idempotency_key;
    if (message.idempotency_key != start.idempotency_key)
      breaks("sent with another Idempotency-Key", start.attempt);
    if (message.delivered && !fates_can_hide_)
      breaks("sent after it was delivered, and nothing hid that", start.attempt);
  }
  void answered(const AnsweredAttempt& answer) override {
    Message& message = messages_[answer.attempt.identity];
    Attempt& attempt = message.attempts[answer.attempt.serial];
    attempt.told = true;
    attempt.status = answer.answered ? answer.status : 0;
    message.delivered |= attempt.status / 100 == 2;
    if (answer.started && clock_is_true_ && world_.store_now() > attempt.lease_end)
      breaks("under way after its lease had ended", answer.attempt);
  }

 private:
  struct Attempt {
    bool granted = false;
    bool forgotten = false;  // by the store
    bool dispatched = false;
    bool started = false;
    bool told = false;  // the dispatcher's core knows how it ended
    int status = 0;
    std::string content;  // the hash of the bytes that it was granted for
    StoreTime lease_end;
    std::optional<Ended> ended;  // as written in the store
  };
  struct Message {
    std::string content;     // likewise, of all attempts
    bool forgotten = false;  // by the store, since the last grant
    std::string idempotency_key;
    std::map<std::uint32_t, Attempt> attempts;  // by serial
    bool delivered = false;
  };

  void granted(const std::string& identity, const limiter::GrantAnswer& grant, StoreTime now) {
    Message& message = messages_[identity];
    if (message.attempts[grant.serial].granted) return;  // the same grant, said again
    for (const auto& [serial, before] : message.attempts) {
      if (serial >= grant.serial || !before.granted) continue;
      const bool known_end = before.ended && final_end(*before.ended) && !before.forgotten;
      if (before.ended ? known_end : before.lease_end > now)
        breaks(before.ended ? "granted after it was delivered or refused"
                            : "granted while an attempt of it is under way",
               {identity, grant.serial});
    }
    Attempt& attempt = message.attempts[grant.serial];
    attempt.granted = true;
    attempt.content = message.content;
    attempt.lease_end = grant.lease_end;
  }
  void completed(const wire::Outcome& outcome) {
    Attempt& attempt = messages_[outcome.attempt.identity].attempts[outcome.attempt.serial];
    if (outcome.ended == Ended::kNotStarted && attempt.started)
      breaks("called not started, but it was", outcome.attempt);
    if (outcome.ended == Ended::kDelivered && attempt.status / 100 != 2)
      breaks("called delivered, but it was not", outcome.attempt);
    if (outcome.ended != Ended::kDelivered && attempt.told && attempt.status / 100 == 2 &&
        !fates_can_hide_)
      breaks("was delivered, but is not called so", outcome.attempt);
    if (!attempt.ended || *attempt.ended == Ended::kUnknown) attempt.ended = outcome.ended;
  }
  void breaks(const char* what, const wire::Attempt& attempt) {
    world_.breaks("P3", std::string(what) + ": " + Trace::hex(attempt.identity) + "/" +
                            std::to_string(attempt.serial));
  }

  World& world_;
  bool fates_can_hide_;
  bool clock_is_true_;  // the store's
  Contents contents_;
  std::map<std::string, Message> messages_;
};

// May a fault of this run keep an attempt's end from the store?
bool can_hide_fates(const Faults& faults) {
  const auto process = [](const ProcessFaults& one) {
    return one.crash_at_effect > 0 || one.crash_every > Duration{0} ||
           one.freeze_every > Duration{0};
  };
  const LinkFaults& link = faults.link;
  const Endings& store = faults.store;
  const UpstreamFaults& upstream = faults.upstream;
  return process(faults.limiter) || process(faults.dispatcher) || link.cut_every > Duration{0} ||
         link.stall_every > Duration{0} || store.lost_before + store.lost_after > 0 ||
         store.late + store.refused > 0 || faults.store_step_every > Duration{0} ||
         faults.store_as_whole.forget_every > Duration{0} ||
         faults.store_as_whole.leap_every > Duration{0} ||
         upstream.stuck + upstream.hangs_up + upstream.late_answer + upstream.never_arrives > 0 ||
         upstream.lost_end > 0;
}

}  // namespace

std::unique_ptr<Witness> check_p3(World& world) {
  return std::make_unique<P3>(world, can_hide_fates(world.faults));
}

}  // namespace sluice::sim
