// The dispatcher: makes the attempt that a limiter granted, once, and says how it ended until some
// limiter has written it. Pure; the table of attempts is the whole of its memory (design 4 step 4).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dispatcher/config.h"
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
};

// Its end was lost or is not waited for: close the connection by RST, say nothing more.
struct StopHttp {
  wire::Attempt attempt;
};

// Credits changed: a heartbeat to every limiter, now.
struct HeartbeatNow {};

enum class HttpEnd : std::uint8_t {
  kAnswered,      // a whole answer was read
  kNotConnected,  // no connection was established: nothing was sent
  kDenied,        // may_start said no: nothing was sent
  kLane,          // the request would leave its upstream's lane: nothing was sent
  kUnknown,       // bytes may have arrived, and no whole answer came
};

// The reply to StartHttp; exactly one, unless it is lost.
struct HttpEnded {
  wire::Attempt attempt;
  HttpEnd end = HttpEnd::kUnknown;
  std::uint32_t status = 0;  // kAnswered
  std::string retry_after;   // the answer's header fields as they stood; empty: none
  std::string date;
  bool abnormal = false;  // the answer spoke of abnormal usage
  std::string reason;     // our words: "timeout", "reset", "header name"; never the upstream's
  std::optional<Instant> sent;  // when may_start said yes
  Instant ended;                // when the answer's last byte was read, or it failed
};

// ---- the core --------------------------------------------------------------------------------

class DispatcherCore {
 public:
  using Work = std::variant<wire::FromPeer>;
  using Reply = std::variant<wire::PeerUp, wire::PeerDown, wire::PeerFacts, HttpEnded>;
  using Effect = std::variant<wire::Send, StartHttp, StopHttp, HeartbeatNow>;

  explicit DispatcherCore(Config config);

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
  [[nodiscard]] bool may_start(const wire::Attempt& attempt, Instant now) const;

  // Credits per upstream; count and XOR of short_hash(identity) over the attempts that this
  // limiter's life dispatched and nobody has said Completed for.
  [[nodiscard]] wire::HeartbeatFacts heartbeat(wire::PeerId peer, Instant now) const;
};

}  // namespace sluice::dispatcher
