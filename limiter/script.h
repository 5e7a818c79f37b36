// The store's atomic operations, over an abstract shard. The Lua script for Redis will be this,
// line by line; the order of the gates is part of the contract (design 4, 4.1, 4.3, 4.4):
//   settled before? - limits stale - asked too late or clock unsure - closure - under way - lease
//   ended - cancelled, expired, out of attempts - not before, backoff - holds - concurrency -
//   limits.
// It decides by store time alone: max(last, the clock's time + offset).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/upstream.h"
#include "limiter/store.h"
#include "limiter/store_records.h"
#include "limiter/telling.h"

namespace sluice::limiter {

// All durations already scaled. Limits are those of the settings: which of them hold, the shard
// knows.
struct StoreConfig {
  std::string instance = "1";  // whose settings these are
  std::vector<Upstream> upstreams;
  Duration clock_error_max = milliseconds(250);
  Duration store_overlap = seconds(20);
  Duration close_max = minutes(10);      // longer windows do not lengthen a closure (design 4.4)
  Duration record_min = hours(24);       // settled and forgotten records live so long
  Duration record_max = hours(24 * 15);  // all others
};

// The store's own view when a call arrives.
struct Moment {
  StoreTime time;                   // its clock
  std::string life;                 // another than the shard's: the store may have forgotten
  bool fresh = false;               // a shard without a life is new, not forgotten
  std::uint64_t spans_version = 0;  // that the caller knows; 0: whatever rules
};

struct Scripted {
  Answer answer;
  StoreTime now;                     // StoreReply.now
  std::uint64_t limits_version = 0;  // StoreReply.limits_version
  std::uint64_t spans_version = 0;
  // The shard was never told any settings, or rules by other spans than the caller knows: its
  // settings are to be told, and the call to be said again. Nothing was applied.
  bool untold = false;
};

// Which upstream's shard a call is for.
const std::string& upstream_of(const Call& call);

// nullptr: the settings know no such upstream.
const Upstream* find_upstream(const StoreConfig& config, const std::string& name);

// Applies `call` to its upstream's shard; the settings must know that upstream. All of it, or the
// shard's writes are thrown away by the caller.
Scripted perform(const StoreConfig& config, StoreShard& shard, const Moment& moment,
                 const Call& call);

// The same of a caller that tells its settings when they are due, or asked for.
struct StoreCaller {
  const StoreConfig& config;
  const std::string& by;  // who says it
  Telling& telling;       // of this shard
};
Scripted perform_told(const StoreCaller& caller, StoreShard& shard, Moment moment,
                      const Call& call);

}  // namespace sluice::limiter
