// The alerter as a pure state machine: follows the trail's alerts by cursor and delivers each one
// to every sink that takes it, at least once, under the alert's id (README.md has the states).
//
// An alert is written to the state, with all its sinks undelivered, in the transaction that moves
// the cursor past it; only then is it delivered, and only after that marked. A crash anywhere
// repeats at most the delivery that was under way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "alerter/config.h"
#include "alerter/repeats.h"
#include "alerter/sink_port.h"
#include "alerter/state_port.h"
#include "lib/base/outbox.h"
#include "lib/base/prng.h"
#include "lib/wire/peer.h"

namespace sluice::alerter {

struct Counts {
  std::uint64_t alerts_known = 0;
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;    // that will be tried again
  std::uint64_t given_up = 0;  // that the sink refused for good
  std::uint64_t quiet = 0;     // alerts that say again what was said: not delivered
  std::uint64_t unrouted = 0;  // alerts that no sink takes
  std::uint64_t beats = 0;
};

// What this machine's clock says, for what the alerter says by itself; told each second or so.
struct WallTime {
  StoreTime now;
};

class AlerterCore {
 public:
  using Work = std::variant<wire::FromPeer, WallTime>;
  using Reply = std::variant<wire::PeerUp, wire::PeerDown, wire::PeerFacts, StateReply, Delivered>;
  using Effect = std::variant<wire::Send, StateAsk, Deliver, Beat, Note>;

  explicit AlerterCore(Config config);

  void accept(const Work& work, Instant now, Outbox<Effect>& out);
  void complete(const Reply& reply, Instant now, Outbox<Effect>& out);
  void tick(Instant now, Outbox<Effect>& out);
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] Instant deadline() const;
  [[nodiscard]] bool idle() const;
  [[nodiscard]] std::size_t effects_max() const;

  [[nodiscard]] wire::HeartbeatFacts heartbeat(wire::PeerId peer, Instant now) const;

  // The state is open and what it is asked succeeds, and an auditor is there.
  [[nodiscard]] bool ready() const;
  // The state alone.
  [[nodiscard]] bool keeps() const { return open_ && failing_.empty(); }
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t undelivered() const { return jobs_.size(); }

 private:
  using Out = Outbox<Effect>;
  enum class Follow : std::uint8_t { kIdle, kAsked, kPutting };

  // An alert that has not reached all sinks; a sink leaves when it is marked.
  struct SinkJob {
    std::uint32_t attempts = 0;
    std::uint32_t refusals = 0;
    Instant next;          // not before this
    bool marking = false;  // its end is not known to be durable yet
  };
  struct Job {
    wire::Alert alert;
    std::string group;
    std::map<std::string, SinkJob> sinks;
    std::vector<std::string> given_up = {};  // sinks that will not get it again
  };
  using JobId = std::pair<std::uint64_t, std::string>;  // cursor, alert id: the order of delivery
  struct InFlight {
    std::uint64_t call_id = 0;
    std::vector<JobId> jobs;
    Instant ends;
  };
  struct SinkState {
    std::optional<InFlight> in_flight;  // one at a time
    std::uint32_t failures = 0;         // since the last delivery
    Instant next;                       // not before this
  };
  struct Call {
    StateCall call;
    Instant ends;
    std::vector<JobId> jobs;       // StateMark
    std::uint64_t marks_done = 0;  // StateDue: how many marks were durable when it was asked
  };

  void hear_auditor(const wire::FromPeer& from, Instant now, Out& out);
  void followed(const wire::Followed& end, Instant now, Out& out);
  void follow(Instant now, Out& out);
  void hear_state(const StateReply& reply, Instant now, Out& out);
  void state_failed(Call& call, Instant now);
  void have_due(const Call& call, const StateDueFound& found, Instant now);
  void have_marked(const Call& call, Instant now);
  void have_put(const Call& call, const StatePutDone& done, Instant now);
  void have_opened(const StateOpened& opened, Instant now, Out& out);

  // What the alerter says by itself (core_self.cc).
  void hear_time(StoreTime wall, Instant now, Out& out);
  void beat(Instant now, Out& out);
  [[nodiscard]] bool auditor_is_heard(Instant now) const;
  StatePut put_of(std::vector<wire::Alert> alerts, std::uint64_t cursor, Out& out);

  // Sinks (core_sinks.cc).
  void hear_sink(const Delivered& reply, Instant now, Out& out);
  struct Refused {
    const std::string& sink;
    const InFlight& sent;
    const std::string& error;
  };
  bool give_up(const Refused& refused, Instant now, Out& out);
  void deliver_next(const std::string& sink, Instant now, Out& out);
  [[nodiscard]] const JobId* next_job(const std::string& sink, Instant now) const;
  [[nodiscard]] std::vector<JobId> group_with(const JobId& first, const std::string& sink) const;
  [[nodiscard]] Duration backoff(std::uint32_t attempts);
  void expire(Instant now, Out& out);
  Call& ask(StateCall call, Instant now, Out& out);
  [[nodiscard]] bool is_asking_due() const;
  [[nodiscard]] std::size_t jobs_of(const std::string& sink) const;

  Config config_;
  Counts counts_;
  std::uint64_t last_call_ = 0;

  bool open_ = false;
  std::set<std::size_t> failing_;  // kinds of calls (StateCall::index) whose last one failed
  Instant open_at_;
  std::uint64_t cursor_ = 0;

  std::optional<wire::PeerId> auditor_;
  Follow follow_ = Follow::kIdle;
  Instant follow_next_;  // kIdle: ask then; kAsked: give up then
  std::vector<wire::Alert> collected_;

  Prng prng_;
  Repeats repeats_;
  Instant heard_at_;  // when the auditor last answered
  Instant beat_at_;
  StoreTime silent_since_;  // 0: it is not known to be silent
  std::string silent_in_;   // the period in which its silence is known to the state

  std::map<JobId, Job> jobs_;
  Instant rescan_at_;
  std::uint64_t marks_done_ = 0;
  std::map<std::string, SinkState> sinks_;
  std::map<std::uint64_t, Call> calls_;  // of the state, by call id
};

}  // namespace sluice::alerter
