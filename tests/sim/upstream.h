// The hostile upstream, and the wire to it. Keeps the one rule of TCP that our sockets are set up
// for: nothing arrives after the attempt was given up or its sender died, except what something
// between us and the upstream has stored (design 2.1 A5), and that not longer than unknown_hold.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "lib/base/upstream.h"
#include "tests/sim/process.h"
#include "tests/sim/witness.h"

namespace sluice::sim {

class UpstreamFake {
 public:
  struct Answer {
    enum class Kind : std::uint8_t { kStatus, kNoConnect, kTimedOut, kHungUp, kNotStarted };
    Kind kind = Kind::kStatus;
    int status = 0;
    bool told_to_wait = false;
    Duration retry_after = {};
    Duration latency = {};
    bool abnormal = false;
  };
  using Answered = std::function<void(const Answer&)>;

  UpstreamFake(World& world, Witnesses& witnesses, Upstream settings)
      : world_(world), witnesses_(witnesses), settings_(std::move(settings)) {}

  // Sends by `sender`, which is told how it ended if it still lives. `may_start` is asked just
  // before the first byte, how long it may take; between that and the byte a process may be frozen.
  // What comes back closes the connection by RST: nothing is told any more.
  using Stop = std::function<void()>;
  using MayStart = std::function<std::optional<Duration>()>;
  Stop send(Process& sender, StartedAttempt attempt, MayStart may_start, Answered answered);

  // From now on it goes down and bans keys as the run's faults say.
  void suffer();
  // Its answers take as long as each other.
  void answer_steadily(Duration in) { steady_ = in; }

  [[nodiscard]] std::uint64_t arrivals() const { return arrivals_; }
  [[nodiscard]] const Upstream& settings() const { return settings_; }

 private:
  struct Exchange {
    Process* sender = nullptr;
    std::uint64_t life = 0;
    StartedAttempt attempt;
    Answered answered;
    Instant started = {};
    Duration timeout = {};
    Instant ends_by = {};
    bool over = false;
    bool ends_untold = false;
  };
  using ExchangePtr = std::shared_ptr<Exchange>;

  void first_byte(const ExchangePtr& exchange);
  void arrive(const ExchangePtr& exchange);
  void finish(const ExchangePtr& exchange, Answer answer, Duration after);
  void tell(const ExchangePtr& exchange, Answer answer);
  Answer decide(const std::string& key);
  void warn(Answer& answer, Duration wait);
  void arrange_outage();
  void arrange_ban();

  World& world_;
  Witnesses& witnesses_;
  Upstream settings_;
  std::uint64_t arrivals_ = 0;
  Instant down_until_;
  Duration steady_;  // 0: as faults say
  std::set<std::string> keys_;
  std::map<std::string, Instant> banned_;  // by key, until
};

}  // namespace sluice::sim
