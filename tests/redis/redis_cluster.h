// A real Redis Cluster: masters on ports of 127.0.0.1 that share the slots evenly, each with as
// many replicas as wanted.
//
//   RedisCluster cluster({.masters = 3, .replicas = 1});
//   cluster.node(0).kill();
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/redis/redis_server.h"

namespace sluice {

class RedisCluster {
 public:
  struct Options {
    std::size_t masters = 3;
    std::size_t replicas = 0;            // of each master
    bool clock = false;                  // the nodes' wall clocks are the test's
    std::vector<std::string> conf = {};  // lines of each node's redis.conf
  };
  // Whole, and every node says so, when this returns.
  explicit RedisCluster(Options options);

  // Masters first; then the first master's replicas, and so on.
  [[nodiscard]] RedisServer& node(std::size_t n) const { return *nodes_.at(n); }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] std::string id(std::size_t n) const { return ids_.at(n); }
  [[nodiscard]] std::string url(std::size_t n) const;

  // Of all nodes.
  void set_clock(std::int64_t us) const;

  // The master that has this slot from the beginning.
  [[nodiscard]] std::size_t first_owner(std::uint16_t slot) const;

 private:
  void meet();
  void replicate() const;
  [[nodiscard]] bool whole() const;

  Options options_;
  std::vector<std::uint16_t> bus_ports_;
  std::vector<std::unique_ptr<RedisServer>> nodes_;
  std::vector<std::string> ids_;
};

}  // namespace sluice
