// The alerter as a pure state machine: follows the trail's alerts by cursor and delivers each one
// to every sink, at least once, under the alert's id (README.md has the states).
//
// An alert is written to the state, with all its sinks undelivered, in the transaction that moves
// the cursor past it; only then is it delivered, and only after that marked. A crash anywhere
// repeats at most the delivery that was under way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "alerter/config.h"
#include "alerter/sink_port.h"
#include "alerter/state_port.h"
#include "lib/base/outbox.h"
#include "lib/wire/peer.h"

namespace sluice::alerter {

struct Counts {
  std::uint64_t alerts_known = 0;
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;  // deliveries that will be tried again
};

class AlerterCore {
 public:
  using Work = std::variant<wire::FromPeer>;
  using Reply = std::variant<wire::PeerUp, wire::PeerDown, wire::PeerFacts, StateReply, Delivered>;
  using Effect = std::variant<wire::Send, StateAsk, Deliver>;

  explicit AlerterCore(Config config);

  void accept(const Work& work, Instant now, Outbox<Effect>& out);
  void complete(const Reply& reply, Instant now, Outbox<Effect>& out);
  void tick(Instant now, Outbox<Effect>& out);
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] Instant deadline() const;
  [[nodiscard]] bool idle() const;
  [[nodiscard]] std::size_t effects_max() const;

  [[nodiscard]] wire::HeartbeatFacts heartbeat(wire::PeerId peer, Instant now) const;

  // The state is open and an auditor is there.
  [[nodiscard]] bool ready() const;
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t undelivered() const { return jobs_.size(); }

 private:
  using Out = Outbox<Effect>;
  enum class Follow : std::uint8_t { kIdle, kAsked, kPutting };

  // An alert that has not reached all sinks; a sink leaves when it is marked as delivered.
  struct SinkJob {
    std::uint32_t attempts = 0;
    Instant next;          // not before this
    bool marking = false;  // delivered, but that is not known to be durable yet
  };
  struct Job {
    wire::Alert alert;
    std::map<std::string, SinkJob> sinks;
  };
  using JobId = std::pair<std::uint64_t, std::string>;  // cursor, alert id: the order of delivery
  struct InFlight {
    std::uint64_t call_id = 0;
    JobId job;
    Instant ends;
  };
  struct Call {
    StateCall call;
    Instant ends;
    JobId job;                     // StateMark
    std::uint64_t marks_done = 0;  // StateDue: how many marks were durable when it was asked
  };

  void hear_auditor(const wire::FromPeer& from, Instant now, Out& out);
  void followed(const wire::Followed& end, Instant now, Out& out);
  void follow(Instant now, Out& out);
  void hear_state(const StateReply& reply, Instant now, Out& out);
  void state_failed(Call& call, Instant now);
  void have_due(const Call& call, const StateDueFound& found, Instant now);
  void have_marked(const Call& call);
  void hear_sink(const Delivered& reply, Instant now, Out& out);
  void mark(const JobId& id, StateMark mark, Instant now, Out& out);
  void deliver_next(const std::string& sink, Instant now, Out& out);
  void expire(Instant now, Out& out);
  Call& ask(StateCall call, Instant now, Out& out);
  [[nodiscard]] bool is_asking_due() const;
  [[nodiscard]] std::size_t jobs_of(const std::string& sink) const;
  [[nodiscard]] std::vector<std::string> sink_names() const;

  Config config_;
  Counts counts_;
  std::uint64_t last_call_ = 0;

  bool open_ = false;
  Instant open_at_;
  std::uint64_t cursor_ = 0;

  std::optional<wire::PeerId> auditor_;
  Follow follow_ = Follow::kIdle;
  Instant follow_next_;  // kIdle: ask then; kAsked: give up then
  std::vector<wire::Alert> collected_;

  std::map<JobId, Job> jobs_;
  Instant rescan_at_;
  std::uint64_t marks_done_ = 0;
  std::map<std::string, InFlight> in_flight_;  // by sink: one at a time
  std::map<std::uint64_t, Call> calls_;        // of the state, by call id
};

}  // namespace sluice::alerter
