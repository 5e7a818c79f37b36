// A shard in a cluster: its master dies and a replica is elected, or its slot moves. Either way it
// is on a server of another life, and closes.
#include <gtest/gtest.h>

#include "lib/port/redis_slots.h"
#include "tests/redis/redis_cluster.h"
#include "tests/redis_store/redis_store_world.h"

namespace sluice::limiter {
namespace {

constexpr const char* kShard = "{sluice:up}";
const std::uint16_t kSlot = port::redis_slot(kShard);

class RedisMoves : public testing::Test {
 protected:
  explicit RedisMoves(std::size_t replicas = 0)
      : cluster_({.masters = 3, .replicas = replicas}), home_(cluster_.first_owner(kSlot)) {
    RedisOptions options = options_for(cluster_.url((home_ + 1) % 3));
    options.client.cluster = true;
    options.client.call_timeout = seconds(2);
    options.fresh = true;  // so that only what follows closes it
    world_.open(options);
    EXPECT_TRUE(world_.comes_to_say("")) << world_.trouble();
    EXPECT_EQ(look(), "open");
  }
  // What the store says of the shard; empty: nothing.
  std::string look() {
    const StoreReply reply = world_.say(AskClock{"up", {}});
    const auto* answer = std::get_if<Acknowledged>(&reply.answer);
    if (answer == nullptr) return "";
    return answer->closed_until > reply.now ? "closed" : "open";
  }
  bool comes_to_be(const std::string& wanted) {
    for (int i = 0; i < 600; ++i) {
      const std::string found = look();
      if (found == wanted) return true;
      if (!found.empty()) return false;  // never once what it must not be
      world_.run_for(milliseconds(50));
    }
    return false;
  }

  RedisCluster cluster_;
  std::size_t home_;
  RedisStoreWorld world_;
};

class RedisElects : public RedisMoves {
 protected:
  RedisElects() : RedisMoves(1) {}
};

TEST_F(RedisElects, an_elected_replica_closes) {
  cluster_.node(home_).kill();
  EXPECT_TRUE(comes_to_be("closed"));
  const std::string role = cluster_.node(3 + home_).command({"INFO", "replication"}).text;
  EXPECT_NE(role.find("role:master"), std::string::npos) << role;
}

TEST_F(RedisMoves, a_shard_whose_slot_moves_grants_nothing_meanwhile_and_closes) {
  const std::size_t to = (home_ + 1) % 3;
  const std::string slot = std::to_string(kSlot);
  const auto say = [&](std::size_t node, const std::vector<std::string>& words) {
    return cluster_.node(node).command(words).text;
  };
  ASSERT_EQ(say(to, {"CLUSTER", "SETSLOT", slot, "IMPORTING", cluster_.id(home_)}), "OK");
  ASSERT_EQ(say(home_, {"CLUSTER", "SETSLOT", slot, "MIGRATING", cluster_.id(to)}), "OK");
  const std::string port = std::to_string(cluster_.node(to).port());
  const auto migrate = [&](const std::string& key) {
    return say(home_, {"MIGRATE", "127.0.0.1", port, key, "0", "5000"});
  };
  ASSERT_EQ(migrate(kShard), "OK");
  EXPECT_EQ(look(), "") << "its state is there, and its slot is here";
  const auto left = cluster_.node(home_).command({"CLUSTER", "GETKEYSINSLOT", slot, "100"});
  for (const auto& key : left.items) EXPECT_EQ(migrate(key.text), "OK");
  for (const std::size_t node : {to, home_, (home_ + 2) % 3}) {
    EXPECT_EQ(say(node, {"CLUSTER", "SETSLOT", slot, "NODE", cluster_.id(to)}), "OK");
  }
  EXPECT_TRUE(comes_to_be("closed"));
}

}  // namespace
}  // namespace sluice::limiter
