// The arithmetic of Redis Cluster: https://redis.io/docs/reference/cluster-spec/. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/port/redis_value.h"

namespace sluice::port {

constexpr std::size_t kRedisSlots = 16'384;

// CRC16 (XMODEM) of the key, or of what its first {...} holds, if that is not empty.
std::uint16_t redis_slot(std::string_view key);

struct RedisPlace {
  std::string host;
  std::uint16_t port = 0;
};

struct RedisSlotRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  RedisPlace master;
};

// The answer to CLUSTER SLOTS. A node without a name of its own is at `asked`, the host that was
// asked; one whose name is unknown to the cluster ("?") is where its metadata says, or nowhere:
// then its slots have no master. kInvalid: this is no such answer.
Result<std::vector<RedisSlotRange>> read_cluster_slots(const RedisValue& answer,
                                                       const std::string& asked);

struct RedisMoved {
  std::uint16_t slot = 0;
  RedisPlace to;
};
// "MOVED 3999 127.0.0.1:6381"; without a host ("MOVED 3999 :6381") it is `asked`.
std::optional<RedisMoved> read_moved(std::string_view text, const std::string& asked);

}  // namespace sluice::port
