#include "limiter/redis_checks.h"

#include <gtest/gtest.h>

namespace sluice::limiter {
namespace {

constexpr const char* kInfo =
    "# Memory\r\nused_memory:1048576\r\nmaxmemory_policy:noeviction\r\n\r\n# Stats\r\n"
    "evicted_keys:7\r\n\r\n# Replication\r\n"
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

Unfit unfit(RedisFacts found, const RedisRules& rules = {}, std::uint64_t most = 2) {
  found.replicas_most = most;
  found.replicas = std::min(found.replicas, most);
  const Verdict verdict = judge(rules, found);
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
  EXPECT_EQ(found.evicted, 7u);
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

port::RedisValue cluster_info(const char* text) {
  port::RedisValue value;
  value.kind = port::RedisValue::Kind::kString;
  value.text = text;
  return value;
}

TEST(RedisChecks, AMinorityOfThreeMastersOrMoreStopsByItself) {
  RedisFacts found = facts({"cluster-node-timeout", "12000", "min-replicas-to-write", "0"});
  read_cluster_info(cluster_info("cluster_state:ok\r\ncluster_size:3\r\n"), found);
  EXPECT_EQ(found.masters, 3u);
  EXPECT_EQ(unfit(found), Unfit::kOverlap) << "a server that is no cluster has that setting, too";
  found.clustered = true;
  EXPECT_EQ(unfit(found), Unfit::kNo);
  found.masters = 2;
  EXPECT_EQ(unfit(found), Unfit::kOverlap) << "nobody is outvoted";
  found.masters.reset();
  EXPECT_EQ(unfit(found), Unfit::kOverlap) << "CLUSTER INFO is forbidden";
  found.masters = 3;
  found.node_timeout = milliseconds(12'001);
  EXPECT_EQ(unfit(found), Unfit::kOverlap) << "half of it passes until it asks, and 2 s";
  found.node_timeout.reset();
  EXPECT_EQ(unfit(found), Unfit::kOverlap);
  read_config_get(config({"min-replicas-to-write", "2", "min-replicas-max-lag", "10"}), found);
  found.masters = 1;
  EXPECT_EQ(unfit(found), Unfit::kNo) << "as without a cluster";
}

TEST(RedisChecks, AReplicaIsNoPrimary) {
  const auto found = read_info("role:slave\r\nmaster_replid:8c1ff2\r\n");
  EXPECT_EQ(unfit(*found, kSingle), Unfit::kReplica);
}

TEST(RedisChecks, ADiskThatIsFullStopsAllWrites) {
  RedisFacts found = facts({"save", "3600 1", "stop-writes-on-bgsave-error", "yes"});
  EXPECT_EQ(unfit(found, kSingle), Unfit::kNo);
  found.snapshot_failed = true;
  EXPECT_EQ(unfit(found, kSingle), Unfit::kDisk);
  read_config_get(config({"save", "", "stop-writes-on-bgsave-error", "yes"}), found);
  EXPECT_EQ(unfit(found, kSingle), Unfit::kNo) << "it takes none by itself, and goes on";
  read_config_get(config({"save", "3600 1", "stop-writes-on-bgsave-error", "no"}), found);
  EXPECT_EQ(unfit(found, kSingle), Unfit::kNo);
  found.stops_without_snapshot.reset();
  EXPECT_EQ(unfit(found, kSingle), Unfit::kNo) << "it would say so itself";
  found = *read_info(
      "master_replid:8c1f\r\nmaxmemory_policy:noeviction\r\n"
      "aof_last_write_status:err\r\nrdb_last_bgsave_status:ok\r\n");
  EXPECT_EQ(unfit(found, kSingle), Unfit::kDisk);
}

TEST(RedisChecks, OfASevenOrNewer) {
  const auto told = [](const char* version) {
    return too_old(*read_info(std::string("master_replid:8c1f\r\nredis_version:") + version));
  };
  EXPECT_NE(told("6.2.14").find("is Redis 6.2.14, and its scripts need"), std::string::npos);
  EXPECT_EQ(told("7.0.0"), "");
  EXPECT_EQ(told("10.1.2"), "");
  EXPECT_EQ(told("unknown"), "") << "its word is taken when it refuses the scripts";
}

TEST(RedisChecks, WhatAPersonShouldKnowThoughItIsFit) {
  RedisFacts found = facts();
  found.replicas = 0;
  ASSERT_EQ(warnings(kSingle, found).size(), 1u);
  EXPECT_NE(warnings(kSingle, found)[0].find("nothing bounds"), std::string::npos);
  found.bytes_max = 1;
  EXPECT_TRUE(warnings(kSingle, found).empty());
  found.replicas = 1;
  ASSERT_EQ(warnings(kSingle, found).size(), 1u);
  EXPECT_NE(warnings(kSingle, found)[0].find("store_topology is single"), std::string::npos);
  EXPECT_TRUE(warnings({}, found).empty());
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
  RedisFacts found = facts();
  found.bytes_max = 1'165'085;  // a tenth of it is for outcomes
  EXPECT_EQ(unfit(found, kSingle), Unfit::kNo);
  found.bytes_max = 1'165'084;
  EXPECT_EQ(unfit(found, kSingle), Unfit::kFull);
  rules.bytes_max = 1048577;
  EXPECT_EQ(unfit(found, rules), Unfit::kNo) << "a person has said how much";
}

}  // namespace
}  // namespace sluice::limiter
