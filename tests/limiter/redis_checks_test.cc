#include "limiter/redis_checks.h"

#include <gtest/gtest.h>

namespace sluice::limiter {
namespace {

constexpr const char* kInfo =
    "# Memory\r\nused_memory:1048576\r\nmaxmemory_policy:noeviction\r\n\r\n# Replication\r\n"
    "role:master\r\nconnected_slaves:2\r\n"
    "master_replid:8c1ff2d4a5b6c7d8e9f00112233445566778899a\r\n\r\n# Cluster\r\n"
    "cluster_enabled:0\r\n";

port::RedisValue config(std::initializer_list<const char*> words) {
  port::RedisValue value;
  value.kind = port::RedisValue::Kind::kArray;
  for (const char* word : words) {
    port::RedisValue item;
    item.kind = port::RedisValue::Kind::kString;
    item.text = word;
    value.items.push_back(item);
  }
  return value;
}

RedisFacts facts(std::initializer_list<const char*> words = {}) {
  RedisFacts found = *read_info(kInfo);
  read_config_get(config(words), found);
  return found;
}

Unfit unfit(const RedisFacts& found, const RedisRules& rules = {}, std::uint64_t most = 2) {
  const Verdict verdict = judge(rules, found, most);
  EXPECT_EQ(verdict.why.empty(), verdict.unfit == Unfit::kNo) << verdict.why;
  return verdict.unfit;
}

const RedisRules kSingle{RedisRules::Topology::kSingle, seconds(20), 0};

TEST(RedisChecks, WhatInfoSays) {
  const RedisFacts found = facts();
  EXPECT_EQ(found.life, "8c1ff2d4a5b6c7d8e9f00112233445566778899a");
  EXPECT_EQ(found.eviction, "noeviction");
  EXPECT_EQ(found.replicas, 2u);
  EXPECT_EQ(found.bytes, 1048576u);
  EXPECT_FALSE(found.clustered);
  EXPECT_FALSE(read_info("").has_value());
  EXPECT_FALSE(read_info("role:master\r\nmaster_replid:\r\n").has_value());
}

TEST(RedisChecks, NothingMayBeEvicted) {
  EXPECT_EQ(unfit(facts({"maxmemory-policy", "volatile-lru"}), kSingle), Unfit::kEvicts);
  EXPECT_EQ(unfit(facts({"maxmemory-policy", "noeviction"}), kSingle), Unfit::kNo);
  RedisFacts unsaid = facts();
  unsaid.eviction.clear();
  EXPECT_EQ(unfit(unsaid, kSingle), Unfit::kEvicts) << "what is not known is not well";
}

TEST(RedisChecks, AnOldPrimaryStopsWithinTheOverlap) {
  const auto with = [](const char* replicas, const char* lag) {
    return facts({"min-replicas-to-write", replicas, "min-replicas-max-lag", lag});
  };
  EXPECT_EQ(unfit(with("2", "10")), Unfit::kNo);
  EXPECT_EQ(unfit(with("1", "10")), Unfit::kOverlap) << "it goes on with the one that it has left";
  EXPECT_EQ(unfit(with("1", "10"), {}, 1), Unfit::kNo);
  EXPECT_EQ(unfit(with("2", "10"), {}, 3), Unfit::kOverlap) << "one is away, and not gone";
  EXPECT_EQ(unfit(with("0", "10"), {}, 0), Unfit::kOverlap) << "its only replica may be cut off";
  EXPECT_EQ(unfit(with("2", "0")), Unfit::kOverlap) << "0 lets any lag pass";
  EXPECT_EQ(unfit(with("2", "18")), Unfit::kNo);
  EXPECT_EQ(unfit(with("2", "19")), Unfit::kOverlap) << "a lag is noticed within 2 s more";
  EXPECT_EQ(unfit(facts()), Unfit::kOverlap) << "CONFIG GET is forbidden";
}

TEST(RedisChecks, AMinorityOfAClusterStopsByItself) {
  RedisFacts found = facts({"cluster-node-timeout", "15000", "min-replicas-to-write", "0"});
  EXPECT_EQ(unfit(found), Unfit::kOverlap) << "a server that is no cluster has that setting, too";
  found.clustered = true;
  EXPECT_EQ(unfit(found), Unfit::kNo);
  found.node_timeout = seconds(20);
  EXPECT_EQ(unfit(found), Unfit::kOverlap);
  found.node_timeout.reset();
  EXPECT_EQ(unfit(found), Unfit::kOverlap);
}

TEST(RedisChecks, APersonMayVouchForIt) {
  EXPECT_EQ(unfit(facts(), kSingle), Unfit::kNo);
  EXPECT_EQ(unfit(facts(), {RedisRules::Topology::kVouched, seconds(20), 0}), Unfit::kNo);
}

TEST(RedisChecks, RoomForWhatIsRemembered) {
  RedisRules rules = kSingle;
  rules.bytes_max = 1048577;
  EXPECT_EQ(unfit(facts(), rules), Unfit::kNo);
  rules.bytes_max = 1048576;
  EXPECT_EQ(unfit(facts(), rules), Unfit::kFull);
}

}  // namespace
}  // namespace sluice::limiter
