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

 private:
  Config config_;
  Counts counts_;
};

}  // namespace sluice::alerter
