// The watch: are the limits kept, seen from outcomes alone? Pure, and with no code in common with
// the limiter's meter, which it checks.
//
// An attempt's request arrived somewhere in [granted, completed]. N+1 attempts of one limit with
// (last completion - first grant) <= W all arrived within one closed window: a certain violation.
// With (last grant - first completion) <= W they may have: a possible one, which is only counted.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/instant.h"
#include "lib/base/upstream.h"

namespace sluice::auditor {

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
  std::string limits;  // version of the limits that it was granted under; empty: not known
};

struct Violation {
  std::string upstream;
  std::string limit;
  std::string key;  // empty: the upstream as a whole
  std::uint32_t n = 0;
  Duration window;
  std::uint32_t attempts = 0;  // in the fullest window that holds the last one seen
  StoreTime first_granted;
  StoreTime last_completed;
  std::uint64_t last_line = 0;
};

class Watch {
 public:
  Watch() = default;
  Watch(const std::vector<Upstream>& upstreams, std::size_t keys_max);

  struct Seen {
    std::vector<Violation> certain;  // that this attempt is part of, one per limit at most
    std::uint32_t possible = 0;      // limits that it may have broken
  };
  Seen see(const AttemptSeen& attempt);

  // Lines older than the newest one minus this cannot matter any more: twice the longest window.
  [[nodiscard]] Duration span() const { return span_; }
  [[nodiscard]] std::size_t keys() const { return keys_.size(); }
  void forget();

 private:
  struct Interval {
    StoreTime granted;
    StoreTime completed;
    std::string message;
    std::uint32_t serial = 0;
    bool answered = false;
    std::string limits;
  };
  using Log = std::vector<Interval>;
  struct Key {
    Log log;
    StoreTime newest;
  };

  static void remember(Key& key, const AttemptSeen& attempt, Duration span);
  void let_go();
  static void judge(const Log& log, const AttemptSeen& attempt, const Limit& limit, Seen& seen);
  static std::uint32_t certainly_within(const Log& log, const AttemptSeen& attempt, Duration window,
                                        Violation& found);
  static std::uint32_t possibly_within(const Log& log, const AttemptSeen& attempt, Duration window);

  std::map<std::string, std::vector<Limit>, std::less<>> limits_;
  std::map<std::string, Key> keys_;  // by upstream, scope and key
  std::size_t keys_max_ = 0;
  Duration span_;
  StoreTime newest_;
};

}  // namespace sluice::auditor
