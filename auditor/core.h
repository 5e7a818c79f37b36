// The auditor as a pure state machine: writes the trail, watches the limits from outside, books
// costs, raises alerts (README.md has the states and the instants of each commit).
//
// One round is under way at a time: look (what of this is known?), append (lines, fsync), book
// (costs, alerts, index of the lines). Recorded is said of a record after its line was appended,
// of a cost after it was booked. Whatever a crash or a lost answer interrupts is found again by
// reading the trail from the last line that the ledger has indexed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "auditor/config.h"
#include "auditor/ledger_port.h"
#include "auditor/trail_port.h"
#include "auditor/watch.h"
#include "lib/base/outbox.h"
#include "lib/wire/peer.h"

namespace sluice::auditor {

// The trail is not the one that the ledger knows: a person must look. The process ends (75).
struct Halt {
  std::string what;
};

// What the process has counted since its start.
struct Counts {
  std::uint64_t records_written = 0;
  std::uint64_t records_known = 0;  // said again: not written twice
  std::uint64_t costs_booked = 0;
  std::uint64_t costs_known = 0;
  std::uint64_t costs_refused = 0;
  std::uint64_t alerts_raised = 0;
  std::uint64_t violations_certain = 0;
  std::uint64_t violations_possible = 0;
  std::uint64_t reopened = 0;  // times that trail and ledger had to be opened again
};

class AuditorCore {
 public:
  using Work = std::variant<wire::FromPeer>;
  using Reply =
      std::variant<wire::PeerUp, wire::PeerDown, wire::PeerFacts, TrailReply, LedgerReply>;
  using Effect = std::variant<wire::Send, TrailAsk, LedgerAsk, Halt>;

  explicit AuditorCore(Config config);

  void accept(const Work& work, Instant now, Outbox<Effect>& out);
  void complete(const Reply& reply, Instant now, Outbox<Effect>& out);
  void tick(Instant now, Outbox<Effect>& out);
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] Instant deadline() const;
  [[nodiscard]] bool idle() const;
  [[nodiscard]] std::size_t effects_max() const;

  [[nodiscard]] wire::HeartbeatFacts heartbeat(wire::PeerId peer, Instant now) const;

  // Trail and ledger are open and read: records are being written.
  [[nodiscard]] bool ready() const;
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] const Tail& tail() const { return tail_; }

 private:
  enum class Phase : std::uint8_t { kClosed, kOpeningLedger, kOpeningTrail, kReading, kReady };

  Config config_;
  Counts counts_;
  Tail tail_;
  Watch watch_;
  Phase phase_ = Phase::kClosed;
};

}  // namespace sluice::auditor
