// Is this Redis fit to hold grants? From what its INFO, CONFIG GET and CLUSTER INFO say
// (design 4.4): it is a primary that takes writes and evicts nothing, an old primary cannot go on
// beyond store_overlap, and it has room. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/instant.h"
#include "lib/port/redis_value.h"

namespace sluice::limiter {

struct RedisRules {
  enum class Topology : std::uint8_t { kReplicated, kSingle, kVouched };
  Topology topology = Topology::kReplicated;
  Duration overlap = seconds(20);  // store_overlap
  std::uint64_t bytes_max = 0;     // 0: as far as the server's own maxmemory allows
};

// What one server says of itself.
struct RedisFacts {
  std::string life;      // master_replid
  std::string version;   // of Redis, also where it is Valkey
  std::string eviction;  // maxmemory-policy
  bool replica = false;  // it follows another one, and may be written to all the same
  bool clustered = false;
  std::uint64_t replicas = 0;       // connected now
  std::uint64_t replicas_most = 0;  // ever seen, by anybody (lua/replicas.lua)
  std::uint64_t bytes = 0;          // used_memory
  std::uint64_t bytes_max = 0;      // maxmemory; 0: none
  std::uint64_t evicted = 0;        // keys, since it was started
  bool snapshot_failed = false;     // the last one
  bool log_failed = false;          // the last write of the append-only file
  // Nothing where CONFIG GET is forbidden (ElastiCache), or has no such parameter.
  std::optional<std::uint64_t> replicas_to_write;
  std::optional<Duration> replicas_lag;
  std::optional<Duration> node_timeout;
  std::optional<bool> stops_without_snapshot;
  // Masters that have slots; nothing where CLUSTER INFO is forbidden, or there is no cluster.
  std::optional<std::uint64_t> masters;
};

// The kinds of trouble, for a metric's label.
enum class Unfit : std::uint8_t { kNo, kReplica, kEvicts, kDisk, kOverlap, kFull };
inline constexpr std::array<std::string_view, 6> kUnfitWords = {"",     "replica", "evicts",
                                                                "disk", "overlap", "full"};
inline std::string_view word_of(Unfit unfit) {
  return kUnfitWords.at(static_cast<std::size_t>(unfit));
}

struct Verdict {
  Unfit unfit = Unfit::kNo;
  std::string why;  // for people; empty when it is fit
};

// INFO's text; nothing when it does not say which life the server has.
std::optional<RedisFacts> read_info(std::string_view info);
// Each adds what was answered; an error adds nothing.
void read_config_get(const port::RedisValue& answer, RedisFacts& facts);
void read_cluster_info(const port::RedisValue& answer, RedisFacts& facts);

// Why this server cannot run the scripts, whatever it is set to; empty: it can.
std::string too_old(const RedisFacts& facts);
Verdict judge(const RedisRules& rules, const RedisFacts& facts);
// Fit, but not as a person would want it, for the log: each begins in words of its own.
std::vector<std::string> warnings(const RedisRules& rules, const RedisFacts& facts);

}  // namespace sluice::limiter
