// The auditor as a pure state machine: writes the trail, watches the limits from outside, books
// costs, raises alerts (README.md has the states and the instants of each commit).
//
// One round is under way at a time: look (what of this is known?), append (lines, fsync), book
// (alerts, index of the lines). Beside it costs have a look and a booking of their own, one call at
// a time. Recorded is said of a record after its line was appended, of a cost after it was booked.
// Whatever a crash or a lost answer interrupts is found again by reading the trail from the last
// line that the ledger has indexed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "auditor/config.h"
#include "auditor/figures.h"
#include "auditor/ledger_port.h"
#include "auditor/round.h"
#include "auditor/trail_port.h"
#include "auditor/watch.h"
#include "lib/base/outbox.h"
#include "lib/wire/peer.h"

namespace sluice::auditor {

// The trail is not the one that the ledger knows: a person must look. The process ends (75).
struct Halt {
  std::string what;
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

  // The settings were read again: the watch holds what is granted under the version of these limits
  // against them. Limits of lines it learns by itself. Budgets hold from the next cost on.
  void edit(const std::vector<Upstream>& upstreams);
  void edit(const std::vector<Budget>& budgets);
  // So many sealed segments have no copy, the oldest since then, by wall clocks.
  void uncopied(std::uint64_t segments, StoreTime since, StoreTime wall, Instant now);

  // Trail and ledger are open and read, and what came last was written: records are being written.
  [[nodiscard]] bool ready() const;
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] const Tail& tail() const { return tail_; }
  [[nodiscard]] const Figures& figures() const { return figures_; }
  [[nodiscard]] const Watch& watch() const { return watch_; }

 private:
  enum class Phase : std::uint8_t { kClosed, kOpeningLedger, kOpeningTrail, kReading, kReady };
  enum class Step : std::uint8_t { kIdle, kLooking, kAppending, kBooking };
  using Out = Outbox<Effect>;
  struct Follower {
    wire::PeerId peer;
    std::uint64_t after = 0;
  };

  // Opening (core_open.cc): what do ledger and trail know?
  void open(Instant now, Out& out);
  void reopen(Instant now);
  void opened(const LedgerOpened& found, Instant now, Out& out);
  void opened(const TrailOpened& found, Instant now, Out& out);
  void read_on(Instant now, Out& out);
  void have_read(const TrailLines& found, Instant now, Out& out);
  bool take_line(const std::string& text, LedgerBook& book, Out& out);
  void halt(std::string what, Out& out);

  // Rounds (core.cc).
  [[nodiscard]] bool has_work() const;
  void start_round(Instant now, Out& out);
  struct Known {
    const LedgerFound& found;
    Chain& chain;  // that it writes on
  };
  void judge_round(Round& round, const Known& known, Instant now, Out& out);
  void judge(const LedgerFound& found, Instant now, Out& out);
  [[nodiscard]] Tail tail_at(Instant now) const;
  void book(Instant now, Out& out);
  void have_booked(const LedgerBooked& found, Instant now, Out& out);
  void late(const LedgerAnswer& answer, Instant now);
  void raise(const std::vector<wire::Alert>& alerts, const std::vector<bool>& are_new);
  void appended(Instant now, Out& out);

  // Costs (core_costs.cc).
  [[nodiscard]] Instant costs_due() const;
  void tick_costs(Instant now, Out& out);
  void ask_for_costs(LedgerCall call, Instant now, Out& out);
  void look_for_costs(Instant now, Out& out);
  void hear_costs(const LedgerAnswer& answer, Instant now, Out& out);
  void judge_costs(const LedgerFound& found, Instant now, Out& out);
  void have_booked_costs(const LedgerBooked& found, Instant now, Out& out);
  void put_costs_aside(Instant now);
  void take_costs_back();
  void end_costs(Instant now);

  void follow(wire::PeerId peer, const wire::Follow& ask, Out& out);
  void have_alerts(std::uint64_t call_id, const LedgerAlerts& found, Out& out);
  void hear(const TrailReply& reply, Instant now, Out& out);
  void hear(const LedgerReply& reply, Instant now, Out& out);
  void ask(TrailCall call, Instant now, Out& out);
  void ask(LedgerCall call, Instant now, Out& out);

  Config config_;
  Counts counts_;
  Watch watch_;
  Figures figures_;
  Phase phase_ = Phase::kClosed;
  bool sound_ = false;  // nothing waits that the last try could not write
  Instant reopen_at_;

  // The call that is under way; a reply to any other is ignored.
  std::uint64_t last_call_ = 0;
  std::uint64_t call_ = 0;
  Instant call_ends_;

  // What has been read so far.
  std::string trail_secret_;
  Tail tail_;
  std::uint64_t torn_bytes_ = 0;
  std::uint64_t indexed_line_ = 0;
  std::string indexed_hash_;
  std::uint64_t watch_from_ = 1;
  Duration span_asked_;          // of lines, for the watch
  std::uint64_t read_line_ = 0;  // last line read while opening
  std::string read_hash_;        // its hash; empty: not known
  StoreTime newest_read_;        // of records
  LedgerBook read_book_;

  // What waits, and the round that is under way.
  std::deque<PendingRecord> records_;
  std::deque<PendingCost> costs_;
  std::deque<wire::Alert> due_;     // alerts in the ledger that have no line yet
  std::deque<wire::Alert> raised_;  // alerts that are not in the ledger yet
  Instant work_since_;
  Step step_ = Step::kIdle;
  Round round_;
  Tail round_tail_;
  Round costs_round_;  // of costs alone
  std::uint64_t costs_call_ = 0;
  Instant costs_call_ends_;
  Instant costs_since_;
  Instant costs_again_at_;  // they could not be booked, and wait
  Instant segment_since_;   // the last segment began

  std::map<std::uint64_t, Follower> followers_;  // by call id
};

}  // namespace sluice::auditor
