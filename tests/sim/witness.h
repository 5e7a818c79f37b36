// What happens outside the processes, told to every checker at the moment when it happens. The
// checkers see no core: only what a stranger could see at the doors, disks and the upstream.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/front_door.h"
#include "lib/wire/messages.h"
#include "limiter/store.h"
#include "tests/sim/world.h"

namespace sluice::sim {

// A message that we answer for: 202 was said, or it lies in a queue of ours.
struct AcceptedMessage {
  std::string identity;
  std::string key;
  std::string id;
  wire::Request request;
  StoreTime expires_at;
};

// An HTTP request whose first byte left.
struct StartedAttempt {
  std::string process;  // which life of which process
  wire::Attempt attempt;
  std::string upstream;
  std::string key;
  wire::Request request;
  std::string idempotency_key;
};

// How the dispatcher's HTTP port told its core that the attempt ended; told only to a living core.
struct AnsweredAttempt {
  std::string process;
  wire::Attempt attempt;
  std::string key;
  bool answered = false;  // there was a status
  int status = 0;
  bool started = true;  // false: no connection, no byte
  Duration retry_after;
};

class Witness {
 public:
  virtual ~Witness() = default;
  virtual void accepted(const AcceptedMessage&) {}
  // It stands in a FIFO queue, behind all that were put into its group before it.
  virtual void queued_in_order(const wire::Offer&) {}
  // Somebody asked about an accepted message, and was told this.
  virtual void explained(const std::string& /*identity*/, const ingest::Found&) {}
  // Its 202 said when it goes.
  virtual void stated(const ingest::Name&, const wire::Quoted&) {}
  // 429 for the message of this id: to be said again after so long.
  virtual void refused(const std::string& /*key*/, const std::string& /*id*/, Duration) {}
  virtual void cancel_asked(const std::string& /*identity*/) {}
  virtual void started(const StartedAttempt&) {}
  // This process has been told that the key is closed for so long.
  virtual void warned(const std::string& /*process*/, const std::string& /*key*/, Duration) {}
  // This limiter has told a dispatcher that the key is closed.
  virtual void recalled(const std::string& /*process*/, const wire::Recall&) {}
  // The turn is over in which this limiter heard of the warning, and it has a dispatcher.
  virtual void recall_due(const std::string& /*process*/, const std::string& /*key*/, Duration) {}
  // The turn is over in which this dispatcher read a warning, and no limiter was told.
  virtual void kept_warning(const std::string& /*process*/, const std::string& /*key*/) {}
  virtual void dispatched(const std::string& /*process*/, const wire::Dispatch&) {}
  virtual void arrived(const wire::Attempt&, const std::string& /*key*/) {}
  virtual void answered(const AnsweredAttempt&) {}
  // One atomic script of the limiter's store: what it was asked and what it decided.
  virtual void decided(const limiter::Call&, const limiter::Answer&, StoreTime) {}
  // A person's word about a key or an upstream; and that it was taken, and heard by all limiters.
  virtual void person_says(const ingest::ControlKey&) {}
  virtual void person_hears(std::uint64_t /*request_id*/, bool /*heard*/) {}
  // Somebody asks a front door for limits, or says others; and was told this.
  virtual void limits_asked(const ingest::AskLimits&) {}
  virtual void limits_answered(const ingest::Respond&) {}
  // A limiter that starts, or whose settings changed, says to the server that serves it which
  // limits these have.
  virtual void settings_say(const Upstream&) {}
  // Which server decides next: of two primaries, or after one was promoted. A copy, to be promoted
  // later; a server that lost everything.
  virtual void store_serves(int /*server*/) {}
  virtual void store_copied(int /*from*/, int /*to*/) {}
  virtual void store_wiped(int /*server*/) {}
  // The store lost what it had written, all of it or the last moments.
  virtual void store_forgot() {}
  // The line of the record with this name (auditor/trail_facts.h) is on disk.
  virtual void written(const std::string& /*record_name*/) {}
  virtual void row_put(const wire::Offer&) {}
  virtual void row_moved(const wire::Offer&) {}
  // An ingest has received this copy from the queue.
  virtual void copy_received(const wire::Offer&) {}
  // Ingest forgets: the row went by settlement, or the queue copy was deleted.
  virtual void row_gone(const wire::Offer&, const wire::Settled&) {}
  virtual void copy_gone(const wire::Offer&) {}
  virtual void dead_letter(const wire::Offer&, const wire::Settled&) {}
  virtual void cost_sent(const wire::Cost&) {}
  virtual void cost_answered(const wire::Cost&) {}
  // Another cost is known under its event id.
  virtual void cost_refused(const wire::Cost&) {}
  virtual void alert_raised(const std::string& /*alert_id*/) {}
  virtual void alert_delivered(const std::string& /*alert_id*/, const std::string& /*sink*/) {}
  // Everything has had its time: what must hold in the end.
  virtual void ended() {}
};

// All of them, as one.
class Witnesses {
 public:
  void add(std::unique_ptr<Witness> one) { all_.push_back(std::move(one)); }
  template <class... Parameters, class... Arguments>
  void tell(void (Witness::*event)(Parameters...), const Arguments&... arguments) {
    for (auto& one : all_) (one.get()->*event)(arguments...);
  }

 private:
  std::vector<std::unique_ptr<Witness>> all_;
};

}  // namespace sluice::sim
