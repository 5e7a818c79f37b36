// The watch: are the limits kept, seen from outcomes alone? Pure, and with no code in common with
// the limiter's meter, which it checks.
//
// An attempt's request arrived somewhere in [granted, completed]. Attempts of more than N units
// with (last completion - first grant) <= W all arrived within one closed window: a certain
// violation. With (last grant - first completion) <= W they may have: a possible one, which is only
// counted. A limit on concurrency is broken by more than N units that were open at one instant:
// certainly, when all of them were for longer than the guard. Shadow limits refuse nothing, and are
// not watched.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "auditor/watch_log.h"
#include "lib/base/instant.h"
#include "lib/base/upstream.h"

namespace sluice::auditor {

// The limits of one upstream.
struct LimitsSeen {
  std::string upstream;
  std::string version;  // empty: the first version that is seen is taken for it
  std::vector<Limit> limits;
  StoreTime at = {};           // since when they rule; 0: settings say them, which replaces nothing
  StoreTime replaced_at = {};  // 0: they rule, as far as is known
};
// How long after they were replaced attempts under these limits are still held against them.
Duration kept_for(const std::vector<Limit>& limits);

// One attempt, as the trail has it: names are the trail's own (hashed).
struct AttemptSeen {
  std::string upstream;
  std::string key;
  std::string message;  // with serial: the same attempt, if its outcome is recorded again as late
  std::uint32_t serial = 0;
  StoreTime granted;
  StoreTime completed;
  bool answered = false;  // only an answer proves arrival; others count as possible
  std::uint64_t line = 0;
  std::string limits;       // version of the limits that it was granted under; empty: not known
  std::uint32_t units = 1;  // of each rate limit
};

struct Violation {
  std::string upstream;
  std::string limit;
  std::string key;  // empty: the upstream as a whole
  std::uint32_t n = 0;
  Duration window;             // 0: a limit on concurrency
  std::uint32_t attempts = 0;  // in the fullest window that holds the last one seen
  std::uint64_t units = 0;     // of them; as many as attempts unless some cost more
  StoreTime first_granted;
  StoreTime last_completed;
  std::uint64_t last_line = 0;
};

class Watch {
 public:
  Watch() = default;
  Watch(const std::vector<Upstream>& upstreams, std::size_t keys_max,
        std::size_t attempts_max = 1'000'000);

  // From `at` on these rule. Attempts under others stay held against theirs until kept_for() after
  // they were replaced.
  void learn(const LimitsSeen& seen);

  [[nodiscard]] bool knows(const std::string& upstream, const std::string& version) const;

  struct Seen {
    std::vector<Violation> certain;  // that this attempt is part of, one per limit at most
    std::uint32_t possible = 0;      // limits that it may have broken
    bool unwatched = false;          // it was granted under limits that nobody told us
  };
  Seen see(const AttemptSeen& attempt);

  // Lines older than the newest one minus this cannot matter any more: twice the longest window of
  // limits that rule, or did until a moment ago.
  [[nodiscard]] Duration span() const { return span_; }
  [[nodiscard]] std::size_t versions() const { return versions_.size(); }
  [[nodiscard]] std::size_t keys() const { return keys_.size(); }
  [[nodiscard]] std::size_t attempts() const { return attempts_; }
  // Keys that were let go of although their attempts could still have mattered.
  [[nodiscard]] std::uint64_t let_go() const { return let_go_; }
  // Attempts are to be seen anew; what comes is of this time, or shortly before it.
  void forget(StoreTime newest = {});

 private:
  struct Scope {
    Duration span;  // 0: no limit has this scope
    bool counts_ends = false;
  };
  // Of one upstream: its versions by name, which of them rules, and what all that matter look at.
  struct Rules {
    std::map<std::string, std::uint32_t> versions;
    std::vector<std::uint32_t> ruling;  // not known to be replaced; the newest last
    Scope of_key, of_upstream;
  };

  [[nodiscard]] std::uint32_t version_of(Rules& rules, const AttemptSeen& attempt);
  std::uint32_t place_of(Rules& rules, LimitsSeen learnt);
  void make_room_for_one();
  [[nodiscard]] bool matters(const LimitsSeen& known) const;
  void look_at(Rules& rules, const LimitsSeen& known);
  void drop_replaced();
  // Where an attempt was put, and of which scope that log is.
  struct Spot {
    const WatchLog& log;
    std::size_t place;
    LimitScope scope;
  };
  void see_at(const Spot& spot, const AttemptSeen& attempt, Seen& seen) const;
  void sweep();
  void make_room();

  // By a number that is never used again, from 1 on; 0 stands for those that nobody told us.
  std::map<std::uint32_t, LimitsSeen> versions_;
  std::uint32_t last_version_ = 0;
  std::map<std::string, Rules> rules_;
  struct Remembered {
    WatchLog log;
    bool is_fresh = true;  // seen since the last sweep
  };
  std::unordered_map<std::string, Remembered> keys_;  // by upstream, scope and key
  std::size_t keys_max_ = 0;
  std::size_t attempts_max_ = 0;
  std::size_t attempts_ = 0;
  std::uint64_t let_go_ = 0;
  Duration span_;
  StoreTime newest_;
  StoreTime swept_;    // `newest_` when quiet keys went the last time
  StoreTime dropped_;  // ... and versions
};

}  // namespace sluice::auditor
