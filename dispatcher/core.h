// The dispatcher: makes the attempt that a limiter granted, once, and says how it ended until some
// limiter has written it. Pure; the table of attempts is the whole of its memory (design 4 step 4).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dispatcher/breaker.h"
#include "dispatcher/clocks.h"
#include "dispatcher/closures.h"
#include "dispatcher/config.h"
#include "dispatcher/quota.h"
#include "dispatcher/table.h"
#include "lib/base/instant.h"
#include "lib/base/outbox.h"
#include "lib/base/store_clock.h"
#include "lib/stage/core.h"
#include "lib/wire/peer.h"

namespace sluice::dispatcher {

// ---- port calls and their replies ------------------------------------------------------------

// Make this HTTP request, putting its bytes on the wire at most once. Just before the first byte
// the port asks DispatcherCore::may_start; on no, it sends nothing and ends with kDenied.
struct StartHttp {
  wire::Attempt attempt;
  std::string upstream;
  std::string key;
  wire::Request request;
  std::string idempotency_key;
  std::string traceparent;
  StoreTime at;  // about now: what it is signed with
};

// Its end was lost or is not waited for: close the connection by RST, say nothing more.
struct StopHttp {
  wire::Attempt attempt;
};

enum class HttpEnd : std::uint8_t {
  kAnswered,      // a whole answer was read
  kNotConnected,  // no connection was established: nothing was sent
  kNoCredential,  // this key has no credential: nothing was sent
  kDenied,        // may_start said no: nothing was sent
  kLane,          // the request would leave its upstream's lane: nothing was sent
  kUnknown,       // bytes may have arrived, and no whole answer came
};

// The reply to StartHttp; exactly one, unless it is lost.
struct HttpEnded {
  wire::Attempt attempt;
  HttpEnd end = HttpEnd::kUnknown;
  std::uint32_t status = 0;  // kAnswered
  std::string retry_after;   // the answer's header fields as they stood; empty: none; of several
                             // that are alike each stands in a line of its own
  std::string date;
  std::vector<Field> quota;  // those that quota.h reads
  std::string answer;        // the first bytes of the body
  std::string reason;        // our words: "timeout", "reset", "header name"; never the upstream's
  std::optional<Instant> sent;  // when may_start said yes
  Instant ended;                // when the answer's last byte was read, or it failed
};

// ---- what people see -------------------------------------------------------------------------

struct Counts {
  std::array<std::uint64_t, 7> ended{};        // attempts by wire::Ended
  std::array<std::uint64_t, 9> not_started{};  // of the kNotStarted ones, by wire::NotStarted
  std::uint64_t said_again = 0;                // outcomes said more than once
  std::uint64_t duplicates = 0;                // dispatches of an attempt that the table knew
  std::uint64_t penalties = 0;
  std::uint64_t given_up = 0;       // attempts whose end never came back from the port
  std::uint64_t clock_doubted = 0;  // round trips that contradicted what was known
};

struct UpstreamView {
  std::string name;
  std::size_t queued = 0;
  std::size_t running = 0;
  std::size_t unsettled = 0;  // ended, not completed
  Breaker::State breaker = Breaker::State::kClosed;
};

// ---- the core --------------------------------------------------------------------------------

class DispatcherCore {
 public:
  using Work = std::variant<wire::FromPeer>;
  using Reply = std::variant<wire::PeerUp, wire::PeerDown, wire::PeerFacts, HttpEnded>;
  using Effect = std::variant<wire::Send, wire::Announce, StartHttp, StopHttp>;

  explicit DispatcherCore(Config config);
  DispatcherCore(const DispatcherCore&) = delete;
  DispatcherCore& operator=(const DispatcherCore&) = delete;

  void accept(const Work& work, Instant now, Outbox<Effect>& out);
  void complete(const Reply& reply, Instant now, Outbox<Effect>& out);
  void tick(Instant now, Outbox<Effect>& out);
  // Takes nothing new from now on; what has not started comes back as kDraining.
  void drain(Instant now, Outbox<Effect>& out);
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] Instant deadline() const;
  [[nodiscard]] bool idle() const;
  [[nodiscard]] std::size_t effects_max() const;

  // The last check before an attempt's first byte: still running, not recalled, surely before its
  // start_by, by a round trip younger than trip_age_max. Asked right when the byte would leave.
  // Nothing: it may not. Else how long it may take from now on: the timeout of these settings, and
  // no longer than store time is surely before its deadline.
  [[nodiscard]] std::optional<Duration> may_start(const wire::Attempt& attempt, Instant now) const;

  // Credits per upstream; count and XOR of short_hash(identity) over the attempts that this
  // limiter's life dispatched (or asked for, when they were never seen) and nobody has said
  // Completed for.
  [[nodiscard]] wire::HeartbeatFacts heartbeat(wire::PeerId peer, Instant now) const;

  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::vector<UpstreamView> upstreams(Instant now) const;
  [[nodiscard]] std::size_t table_size() const { return table_.size(); }
  [[nodiscard]] std::size_t limiters() const { return limiters_.size(); }
  [[nodiscard]] bool knows_time(Instant now) const;

 private:
  struct Limiter {
    std::uint64_t life = 0;
    std::string instance;
  };
  struct Line {  // to one upstream
    const Upstream* upstream = nullptr;
    Breaker breaker;
    wire::Wait told = wire::Wait::kNone;  // what the last credits gave as a reason
    bool told_trial = false;
    Instant told_at = {};
  };
  using Out = Outbox<Effect>;

  void on(wire::PeerId from, const wire::Dispatch& dispatch, Instant now, Out& out);
  void on(wire::PeerId from, const wire::Recall& recall, Instant now, Out& out);
  void on(wire::PeerId from, const wire::Asked& asked, Instant now, Out& out);
  void on(wire::PeerId from, const wire::Completed& completed, Instant now, Out& out);
  void on(const wire::PeerUp& up, Instant now, Out& out);
  void on(const wire::PeerDown& down, Instant now, Out& out);
  void on(const wire::PeerFacts& facts, Instant now, Out& out);
  void on(const HttpEnded& ended, Instant now, Out& out);

  [[nodiscard]] wire::NotStarted why_not(const wire::Dispatch& dispatch, std::uint64_t life,
                                         Instant now) const;
  [[nodiscard]] std::size_t own_share() const;
  [[nodiscard]] std::size_t room_in_table(const std::string& upstream) const;
  [[nodiscard]] bool surely_before(StoreTime limit, Instant now) const;
  [[nodiscard]] Duration surely_left(StoreTime deadline, Duration most, Instant now) const;
  [[nodiscard]] bool closed(const OpenAttempt& open, Instant now) const;
  [[nodiscard]] StoreTime low(Instant now) const;
  [[nodiscard]] wire::Credit credit(const Line& line, std::uint64_t life, Instant now) const;

  void start_queued(const std::string& upstream, Instant now, Out& out);
  void start(Entry& entry, Line& line, Instant now, Out& out);
  void refuse_all(const std::vector<Entry*>& entries, wire::NotStarted why, Instant now, Out& out);
  void refuse(Entry& entry, wire::NotStarted why, Instant now, Out& out);
  void end(Entry& entry, wire::Outcome outcome, Instant now, Out& out);
  void say(Entry& entry, Instant now, Out& out);
  static wire::Outcome remembered(const wire::Attempt& attempt, const HowEnded& how,
                                  const std::string& upstream, const std::string& key);
  [[nodiscard]] wire::Outcome outcome_of(const Entry& entry, const HttpEnded& ended,
                                         Instant now) const;
  void read_answer(const HttpEnded& ended, const Upstream& upstream, wire::Outcome& outcome) const;
  void tell_penalties(wire::PeerId peer, Instant now, Out& out) const;
  void penalise(const wire::Outcome& outcome, Instant now, Out& out);
  void learn(Line& line, bool trial, const HttpEnded& ended, Instant now);
  void give_up(Entry& entry, Instant now, Out& out);
  void announce(Out& out) const;
  void announce_changes(Instant now, Out& out);
  [[nodiscard]] wire::PeerId limiter_of(std::uint64_t life) const;
  Line* line(const std::string& upstream);

  Config config_;
  AttemptTable table_;
  Closures closures_;
  Clocks clock_;
  std::map<std::string, Line> lines_;
  std::map<wire::PeerId, Limiter> limiters_;
  std::map<std::uint64_t, wire::PeerId> by_life_;
  bool draining_ = false;
  Instant next_sweep_;
  Counts counts_;
};

static_assert(Core<DispatcherCore>);

}  // namespace sluice::dispatcher
