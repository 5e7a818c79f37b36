// From what a trail proves to calls of the store (limiter/store.h, Restore): what each limit's logs
// must count at least, and how little the store may still have forgotten besides. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/upstream.h"
#include "limiter/listing.h"
#include "limiter/store.h"

namespace sluice::limiter {

// What the store says of the shard, and when.
struct ShardSeen {
  Upstream upstream;  // of the settings, with the limits that hold
  std::uint64_t version = 0;
  StoreTime closed_until;
  StoreTime edited_at;  // the limits, the last time
  StoreTime now;
  std::vector<Tightened> held;  // by a closure or an edit, for each limit
};

// Each call has at most kRestoreMax arrivals. What lies on one log far more densely than it counts
// is put together under the latest time.
std::vector<Restore> restoring(const Listed& listed, const ShardSeen& shard);

// What a person vouches for beyond the trail.
struct Vouched {
  std::optional<std::uint32_t> spare;  // units of any key that are in no trail; none: spare_of()
  bool nothing_before = false;         // that nothing was sent before the trail begins
  std::string by;
};

// As many attempts as may have left nothing behind when limiter, dispatcher and store died
// together: those under way of one key (of the upstream), and as many whose line was on its way.
std::uint32_t spare_of(const Upstream& upstream, const Limit& limit);

// The call that ends the closure of long windows. kUsage: what the listings do not prove yet.
Result<Restore> lifting(const Listed& listed, const ShardSeen& shard, const Vouched& vouched);

// From when on one more unit may go, as far as this limit knows; `now`: it may.
StoreTime full_until(const ShardSeen& shard, std::size_t limit, const KeyState& state);

}  // namespace sluice::limiter
