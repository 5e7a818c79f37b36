// Is this Redis fit to hold grants? From what its INFO and CONFIG GET say (design 4.4): it evicts
// nothing, an old primary cannot go on beyond store_overlap, and it has room. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/instant.h"
#include "lib/port/redis_value.h"

namespace sluice::limiter {

struct RedisRules {
  enum class Topology : std::uint8_t { kReplicated, kSingle, kVouched };
  Topology topology = Topology::kReplicated;
  Duration overlap = seconds(20);  // store_overlap
  std::uint64_t bytes_max = 0;     // 0: no matter
};

// What one server says of itself.
struct RedisFacts {
  std::string life;      // master_replid
  std::string eviction;  // maxmemory-policy
  bool clustered = false;
  std::uint64_t replicas = 0;  // connected now
  std::uint64_t bytes = 0;     // used_memory
  // Nothing where CONFIG GET is forbidden (ElastiCache), or has no such parameter.
  std::optional<std::uint64_t> replicas_to_write;
  std::optional<Duration> replicas_lag;
  std::optional<Duration> node_timeout;
};

// The kinds of trouble, for a metric's label.
enum class Unfit : std::uint8_t { kNo, kEvicts, kOverlap, kFull };
std::string_view word_of(Unfit unfit);

struct Verdict {
  Unfit unfit = Unfit::kNo;
  std::string why;  // for people; empty when it is fit
};

// INFO's text; nothing when it does not say which life the server has.
std::optional<RedisFacts> read_info(std::string_view info);
// Adds what CONFIG GET answered; an error adds nothing.
void read_config_get(const port::RedisValue& answer, RedisFacts& facts);

// `replicas_most`: the most that were seen at that server; one that is away now comes back, or is
// promoted by those who see it.
Verdict judge(const RedisRules& rules, const RedisFacts& facts, std::uint64_t replicas_most);

}  // namespace sluice::limiter
