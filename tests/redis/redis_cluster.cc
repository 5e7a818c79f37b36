#include "tests/redis/redis_cluster.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace sluice {

namespace {

constexpr std::size_t kSlots = 16'384;
constexpr int kLooks = 3'000;  // 10 ms apart

bool wait_until(const auto& condition) {
  for (int i = 0; i < kLooks; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

RedisCluster::RedisCluster(Options options) : options_(std::move(options)) {
  const std::size_t count = options_.masters * (1 + options_.replicas);
  for (std::size_t i = 0; i < count; ++i) {
    // The bus's usual port, 10,000 above, need not exist.
    bus_ports_.push_back(free_port());
    std::vector<std::string> conf = {"cluster-enabled yes",
                                     "cluster-node-timeout 1000",
                                     "cluster-require-full-coverage no",
                                     "cluster-replica-validity-factor 0",
                                     "repl-diskless-sync-delay 0",
                                     "cluster-port " + std::to_string(bus_ports_.back())};
    conf.insert(conf.end(), options_.conf.begin(), options_.conf.end());
    nodes_.push_back(std::make_unique<RedisServer>(
        RedisServer::Options{.port = true, .clock = options_.clock, .conf = std::move(conf)}));
    ids_.push_back(node(i).command({"CLUSTER", "MYID"}).text);
  }
  meet();
  replicate();
  EXPECT_TRUE(wait_until([&] { return whole(); })) << node(0).command({"CLUSTER", "NODES"}).text;
}

std::string RedisCluster::url(std::size_t n) const {
  return "redis://127.0.0.1:" + std::to_string(node(n).port());
}

void RedisCluster::set_clock(std::int64_t us) const {
  for (const auto& node : nodes_) node->set_clock(us);
}

std::size_t RedisCluster::first_owner(std::uint16_t slot) const {
  return slot * options_.masters / kSlots;
}

void RedisCluster::meet() {
  for (std::size_t i = 0; i < size(); ++i) {
    node(i).command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    if (i > 0) {
      node(i).command({"CLUSTER", "MEET", "127.0.0.1", std::to_string(node(0).port()),
                       std::to_string(bus_ports_[0])});
    }
    if (i >= options_.masters) continue;
    // The first that first_owner() says to be this one's, and the last.
    const std::size_t first = (i * kSlots + options_.masters - 1) / options_.masters;
    const std::size_t end = ((i + 1) * kSlots + options_.masters - 1) / options_.masters;
    node(i).command({"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(end - 1)});
  }
}

// Refused until the replica has heard of its master.
void RedisCluster::replicate() const {
  for (std::size_t i = options_.masters; i < size(); ++i) {
    const std::string& master = ids_[(i - options_.masters) / options_.replicas];
    EXPECT_TRUE(wait_until([&] {
      return node(i).command({"CLUSTER", "REPLICATE", master}).text == "OK";
    }));
  }
}

bool RedisCluster::whole() const {
  const std::string all = "cluster_known_nodes:" + std::to_string(size()) + "\r\n";
  for (std::size_t i = 0; i < size(); ++i) {
    const std::string info = node(i).command({"CLUSTER", "INFO"}).text;
    const bool knows_all = info.find(all) != std::string::npos &&
                           info.find("cluster_state:ok") != std::string::npos &&
                           info.find("cluster_slots_ok:16384") != std::string::npos;
    if (!knows_all) return false;
    if (i < options_.masters) continue;
    const std::string link = node(i).command({"INFO", "replication"}).text;
    if (link.find("master_link_status:up") == std::string::npos) return false;
  }
  return true;
}

}  // namespace sluice
