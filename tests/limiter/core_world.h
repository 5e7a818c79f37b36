// A small world around the limiter's core: a parking store with two ingests, two dispatchers, an
// auditor, the store in memory, links that break, replies that are lost. Harsher than the real
// thing; one thread, a virtual clock, one seed.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/base/prng.h"
#include "limiter/core.h"
#include "limiter/memory_store.h"

namespace sluice::limiter::testing {

struct WorldFaults {
  std::uint32_t store_lost_before = 0;  // per million
  std::uint32_t store_lost_after = 0;
  std::uint32_t store_fails = 0;
  std::uint32_t store_late = 0;
  std::uint32_t outcome_unknown = 0;
  std::uint32_t outcome_failed = 0;
  std::uint32_t throttled = 0;
  Duration cut_every{0};  // mean; 0: never
  Duration limiter_dies_every{0};
  Duration dispatcher_dies_every{0};
  Duration ingest_dies_every{0};
  Duration auditor_away_every{0};
};

class World {
 public:
  World(std::uint64_t seed, Config config, WorldFaults faults);

  // ---- what a test does
  wire::Offer make(const std::string& key, const std::string& id);
  void post_row(const std::string& key, const std::string& id);   // committed and announced
  void post_copy(const std::string& key, const std::string& id);  // in the queue
  void post(const wire::Offer& offer);
  void run_for(Duration span);
  // True when everything that was posted is settled before `limit` from now.
  bool run_until_settled(Duration limit);
  void stop_faults();
  void restart_limiter();
  void kill_limiter();
  void at(Duration from_now, std::function<void()> deed);

  // ---- what a test looks at
  [[nodiscard]] LimiterCore& core() { return *core_; }
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] StoreTime store_now() const { return StoreTime{now_.us + kEpoch}; }
  [[nodiscard]] std::size_t unsettled() const { return rows_.size() + queue_.size(); }

  // Why what is left waits, for a failed test.
  [[nodiscard]] std::string left() const;

  std::vector<std::string> problems;                        // promises that were broken
  std::vector<std::pair<StoreTime, std::string>> arrivals;  // (when, identity) at the upstream
  std::map<std::string, wire::Settled> settled;
  std::map<std::string, int> attempts;  // that arrived, by identity
  std::set<std::string> unknown;        // identities with an unknown fate on their way
  std::vector<wire::Quoted> quoted;
  std::vector<wire::Controlled> controlled;
  std::uint64_t ticks = 0;
  std::uint64_t wants = 0;
  bool upstream_answers = true;
  bool auditor_up = true;
  Duration latency = milliseconds(50);

  void ask(const wire::Item& item) { from_ingest(0, item); }
  void cut(std::size_t peer);
  void kill_dispatcher(std::size_t which);
  void kill_ingest(std::size_t which);
  void auditor(bool up);
  // Most arrivals of this key in any closed window.
  [[nodiscard]] std::size_t fullest(const std::string& key, Duration window) const;

 private:
  static constexpr std::size_t kIngests = 2;
  static constexpr std::size_t kDispatcher = 2;  // the first
  static constexpr std::size_t kAuditor = 4;
  static constexpr std::int64_t kEpoch = 1'760'000'000'000'000;
  struct Peer {
    wire::Role role = wire::Role::kIngest;
    std::string name;
    std::uint64_t life = 0;
    wire::PeerId id;  // 0: not connected
    std::uint64_t epoch = 0;
    bool up = true;
    Instant last_to;  // links keep order
    Instant last_from;
  };
  struct Attempted {
    std::uint64_t limiter_life = 0;
    StoreTime lease_end;
    bool refused = false;
    std::optional<wire::Outcome> outcome;
    bool completed = false;
  };
  struct Copy {
    wire::Offer offer;
    int ingest = -1;  // who has it; -1: visible
    bool putting = false;
  };
  using Place = std::pair<std::int64_t, std::string>;

  void step();
  void perform();
  void perform_store(const StoreAsk& ask);
  void answer(StoreReply reply, Duration after, std::uint64_t life);
  void to_peer(const wire::Send& send);
  void to_limiter(std::size_t peer, wire::Item item);
  void connect(std::size_t peer);
  void disconnect(std::size_t peer);
  void from_ingest(std::size_t peer, const wire::Item& item) { to_limiter(peer, item); }

  void ingest_hears(std::size_t peer, const wire::Item& item);
  void announce(std::size_t peer, const std::string& key);
  void announce_all(std::size_t peer);
  void put_into_parking(std::size_t peer, const std::string& identity);
  void poll_queue(std::size_t peer);
  void settle(std::size_t peer, const wire::Settled& said);
  void dispatcher_hears(std::size_t peer, const wire::Item& item);
  void start_attempt(std::size_t peer, const wire::Dispatch& dispatch);
  void say_outcomes(std::size_t peer);
  void auditor_hears(std::size_t peer, const wire::Item& item);
  void heartbeat(std::size_t peer);
  void every(Duration span, std::function<void()> deed);
  void arrange(Duration mean, std::function<void()> deed);
  void problem(std::string what) { problems.push_back(std::move(what)); }

  Prng prng_;
  Config config_;
  WorldFaults faults_;
  Instant now_{1'000'000};
  MemoryStore store_;
  std::unique_ptr<LimiterCore> core_;
  std::uint64_t limiter_life_ = 0;
  std::uint64_t last_peer_ = 0;
  std::uint64_t last_life_ = 100;
  std::uint64_t serial_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> agenda_;
  std::vector<Peer> peers_;  // 0, 1: ingests; 2, 3: dispatchers; 4: auditor
  std::vector<std::map<wire::Attempt, Attempted>> tables_;
  std::map<std::string, std::map<Place, wire::Offer>> parking_;  // by key
  std::map<std::string, Place> rows_;                            // identity -> place
  std::map<std::string, Copy> queue_;
  std::map<std::string, std::uint64_t> order_;
  std::set<std::string> recorded_;                                  // record ids
  std::map<std::string, std::set<std::string>> outcomes_recorded_;  // identity -> "serial"
  std::map<std::string, std::string> key_of_;
  std::int64_t last_order_ = 0;
};

}  // namespace sluice::limiter::testing
