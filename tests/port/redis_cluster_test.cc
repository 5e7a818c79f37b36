#include "tests/redis/redis_cluster.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "lib/base/prng.h"
#include "lib/port/redis_slots.h"
#include "tests/port/redis_fake.h"
#include "tests/port/redis_world.h"

namespace sluice::port {
namespace {

RedisConfig config_for(std::vector<std::string> urls) {
  RedisConfig config = RedisWorld::config_for("");
  config.urls = std::move(urls);
  config.cluster = true;
  return config;
}

bool whole(RedisWorld& world) {
  return world.run_until([&] { return world.client->trouble().empty(); });
}

// Until the cluster has settled, "not executed" is an answer.
bool is_done(RedisWorld& world, const std::vector<std::string>& words) {
  return world.run_until([&] {
    const RedisAnswer answer = world.ask(words);
    return answer.end == End::kAnswered && answer.value.kind != Kind::kError;
  });
}

// A key of this master, by the distribution at the beginning.
std::string key_of(const RedisCluster& cluster, std::size_t master, const std::string& stem = "k") {
  for (int i = 0;; ++i) {
    const std::string key = stem + std::to_string(i);
    if (cluster.first_owner(redis_slot(key)) == master) return key;
  }
}

TEST(RedisClusterClient, EachKeysCommandGoesToItsMaster) {
  const RedisCluster cluster({});
  Prng prng(1);
  for (int i = 0; i < 200; ++i) {
    std::string key(prng.below(20), '\0');
    for (char& c : key) c = "{}ab0:"[prng.below(6)];
    EXPECT_EQ(cluster.node(0).command({"CLUSTER", "KEYSLOT", key}).integer, redis_slot(key)) << key;
  }
  RedisWorld world;
  ASSERT_EQ(world.open(config_for({"redis://127.0.0.1:1", cluster.url(1)})), "");
  ASSERT_TRUE(whole(world)) << world.client->trouble();
  EXPECT_EQ(world.ups.size(), 3u);
  int done = 0;
  for (int i = 0; i < 1'000; ++i) {
    world.say({"SET", "key" + std::to_string(i), "x"},
              [&](RedisAnswer& answer) { done += answer.value.text == "OK" ? 1 : 0; });
  }
  ASSERT_TRUE(world.run_until([&] { return world.client->calls_under_way() == 0; }));
  EXPECT_EQ(done, 1'000);
  std::int64_t keys = 0;
  for (std::size_t i = 0; i < 3; ++i) keys += cluster.node(i).command({"DBSIZE"}).integer;
  EXPECT_EQ(keys, 1'000);
  EXPECT_EQ(world.client->connection("{a}x"), world.client->connection("a"));
  EXPECT_NE(world.client->connection(key_of(cluster, 0)),
            world.client->connection(key_of(cluster, 1)));
}

// The one connection to a seed that is no master ends when the masters are known.
TEST(RedisClusterClient, ASeedByItsNameIsNotKept) {
  const RedisCluster cluster({});
  RedisWorld world;
  ASSERT_EQ(world.open(config_for({"redis://localhost:" + std::to_string(cluster.node(0).port())})),
            "");
  ASSERT_TRUE(whole(world)) << world.client->trouble();
  EXPECT_EQ(world.ups.size(), 3u);
  const auto connected = [&] {
    std::size_t ours = 0;
    const std::string clients = cluster.node(0).command({"CLIENT", "LIST", "TYPE", "normal"}).text;
    for (std::size_t at = 0; (at = clients.find("laddr=127.0.0.1:", at)) != std::string::npos;
         ++at) {
      ++ours;
    }
    return ours;
  };
  EXPECT_TRUE(world.run_until([&] { return connected() == 1; })) << connected();
}

TEST(RedisClusterClient, AMovedSlotsCallIsNotExecutedAndTheNextOneIs) {
  const RedisCluster cluster({});
  RedisWorld world;
  ASSERT_EQ(world.open(config_for({cluster.url(0)})), "");
  ASSERT_TRUE(whole(world)) << world.client->trouble();
  const std::string key = key_of(cluster, 0);
  const std::string slot = std::to_string(redis_slot(key));
  const std::uint64_t before = world.client->connection(key);
  for (const std::size_t i : {1u, 0u, 2u}) {
    EXPECT_EQ(cluster.node(i).command({"CLUSTER", "SETSLOT", slot, "NODE", cluster.id(1)}).text,
              "OK");
  }
  const RedisAnswer moved = world.ask({"SET", key, "x"});
  EXPECT_EQ(moved.end, End::kNotExecuted);
  EXPECT_TRUE(moved.why.starts_with("MOVED " + slot)) << moved.why;
  EXPECT_NE(world.client->connection(key), before);
  EXPECT_EQ(world.ask({"SET", key, "x"}).value.text, "OK");
  EXPECT_EQ(cluster.node(1).command({"GET", key}).text, "x");
  EXPECT_EQ(world.ups.size(), 3u);
}

// By hand, as a resharding does it: in the middle of it nothing is executed that may need what is
// on the other side.
TEST(RedisClusterClient, ASlotUnderWayIsNotExecutedUntilItHasArrived) {
  const RedisCluster cluster({});
  RedisWorld world;
  ASSERT_EQ(world.open(config_for({cluster.url(0)})), "");
  ASSERT_TRUE(whole(world)) << world.client->trouble();
  const std::string tag = key_of(cluster, 0);
  const std::string slot = std::to_string(redis_slot(tag));
  const std::string here = "{" + tag + "}here";
  const std::string there = "{" + tag + "}there";
  EXPECT_EQ(world.ask({"SET", here, "x"}).value.text, "OK");
  cluster.node(2).command({"CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id(0)});
  cluster.node(0).command({"CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id(2)});
  EXPECT_EQ(world.ask({"GET", here}).value.text, "x");
  const RedisAnswer ask = world.ask({"SET", there, "x"});
  EXPECT_EQ(ask.end, End::kNotExecuted);
  EXPECT_TRUE(ask.why.starts_with("ASK ")) << ask.why;
  const RedisAnswer again = world.ask({"MGET", here, there});
  EXPECT_EQ(again.end, End::kNotExecuted);
  EXPECT_TRUE(again.why.starts_with("TRYAGAIN")) << again.why;
  EXPECT_EQ(cluster.node(0)
                .command({"MIGRATE", "127.0.0.1", std::to_string(cluster.node(2).port()), here, "0",
                          "5000"})
                .text,
            "OK");
  EXPECT_EQ(world.ask({"GET", here}).end, End::kNotExecuted);
  for (const std::size_t i : {2u, 0u, 1u}) {
    cluster.node(i).command({"CLUSTER", "SETSLOT", slot, "NODE", cluster.id(2)});
  }
  EXPECT_TRUE(is_done(world, {"SET", there, "x"}));
  EXPECT_EQ(world.ask({"GET", here}).value.text, "x");
}

TEST(RedisClusterClient, ADeadMastersCallsFailAndTheOthersGoOn) {
  const RedisCluster cluster({});
  RedisWorld world;
  ASSERT_EQ(world.open(config_for({cluster.url(0), cluster.url(1), cluster.url(2)})), "");
  ASSERT_TRUE(whole(world)) << world.client->trouble();
  const std::string dead = key_of(cluster, 1);
  const std::uint64_t before = world.client->connection(dead);
  cluster.node(1).freeze();
  RedisAnswer lost;
  world.say({"SET", dead, "x"}, [&](RedisAnswer& answer) { lost = answer; });
  world.poller.poll(world.poller.now());
  cluster.node(1).kill();
  ASSERT_TRUE(world.run_until([&] { return !lost.why.empty(); }));
  EXPECT_EQ(lost.end, End::kUnknown) << lost.why;
  const RedisAnswer refused = world.ask({"SET", dead, "x"});
  EXPECT_EQ(refused.end, End::kNotExecuted) << refused.why;
  EXPECT_FALSE(refused.why.empty());
  EXPECT_NE(world.client->trouble(), "");
  for (const std::size_t i : {0u, 2u}) {
    EXPECT_EQ(world.ask({"SET", key_of(cluster, i), "x"}).value.text, "OK");
  }
  cluster.node(1).start();
  EXPECT_TRUE(is_done(world, {"SET", dead, "x"}));
  EXPECT_GT(world.client->connection(dead), before);
}

TEST(RedisClusterClient, APromotedReplicaIsFound) {
  const RedisCluster cluster({.masters = 3, .replicas = 1});
  RedisWorld world;
  ASSERT_EQ(world.open(config_for({cluster.url(0)})), "");
  ASSERT_TRUE(whole(world)) << world.client->trouble();
  const std::string key = key_of(cluster, 0);
  EXPECT_EQ(world.ask({"SET", key, "x"}).value.text, "OK");
  EXPECT_TRUE(world.run_until([&] { return cluster.node(3).command({"DBSIZE"}).integer == 1; }));
  cluster.node(0).kill();
  EXPECT_TRUE(is_done(world, {"SET", key, "y"}));
  EXPECT_EQ(cluster.node(3).command({"GET", key}).text, "y");
  EXPECT_TRUE(whole(world)) << world.client->trouble();
}

// Slots go from master to master while calls for them flow: each call is executed as often as the
// client says. The nodes' slow logs count, as a master that a gossip takes for the owner of a slot
// again, for a moment, makes the other one drop what it has.
class RedisReshard : public testing::Test {
 protected:
  static constexpr std::size_t kCalls = 6'000;
  static constexpr std::size_t kKeys = 5;

  void SetUp() override {
    for (std::size_t i = 0; i < kKeys; ++i) {
      owners_.push_back(i % 3);
      keys_.push_back(key_of(cluster_, i % 3, "executed" + std::to_string(i) + "-"));
    }
    for (std::size_t node = 0; node < 3; ++node) {
      cluster_.node(node).command({"CONFIG", "SET", "slowlog-max-len", "100000"});
      cluster_.node(node).command({"CONFIG", "SET", "slowlog-log-slower-than", "0"});
    }
    ASSERT_EQ(world_.open(config_for({cluster_.url(0)})), "");
    ASSERT_TRUE(whole(world_)) << world_.client->trouble();
  }

  void say(std::size_t call) {
    world_.say({"HINCRBY", keys_[call % kKeys], std::to_string(call), "1"},
               [this, call](RedisAnswer& answer) {
                 EXPECT_TRUE(ends_.emplace(call, answer.end).second) << call << " ends twice";
                 EXPECT_NE(answer.end, End::kUnknown) << answer.why;
               });
  }
  void turns() {
    for (std::uint64_t n = prng_.below(4); n > 0; --n) {
      world_.poller.poll(world_.poller.now() + milliseconds(1));
    }
  }
  bool slot(std::size_t node, const std::string& slot, const std::vector<std::string>& what) {
    std::vector<std::string> words{"CLUSTER", "SETSLOT", slot};
    words.insert(words.end(), what.begin(), what.end());
    const bool done = cluster_.node(node).command(words).text == "OK";
    turns();
    return done;
  }
  // Gossip may have given the slot to another than was told: then that one is looked for.
  bool begin_move(std::size_t from, std::size_t to, std::size_t n) {
    const std::string number = std::to_string(redis_slot(keys_[n]));
    if (!slot(to, number, {"IMPORTING", cluster_.id(from)})) return false;
    if (!slot(from, number, {"MIGRATING", cluster_.id(to)})) return false;
    const std::string port = std::to_string(cluster_.node(to).port());
    const RedisValue moved =
        cluster_.node(from).command({"MIGRATE", "127.0.0.1", port, keys_[n], "0", "5000"});
    turns();
    return moved.text == "OK" || moved.text == "NOKEY";
  }
  void move(std::size_t n) {
    const std::size_t from = owners_[n];
    const std::size_t to = (from + 1 + prng_.below(2)) % 3;
    const std::string number = std::to_string(redis_slot(keys_[n]));
    if (!begin_move(from, to, n)) {
      slot(to, number, {"STABLE"});
      slot(from, number, {"STABLE"});
      owners_[n] = (from + 1) % 3;
      return;
    }
    for (const std::size_t node : {to, from, 3 - to - from}) {
      slot(node, number, {"NODE", cluster_.id(to)});
    }
    owners_[n] = to;
    ++moves_;
  }

  const RedisCluster cluster_{RedisCluster::Options{}};
  RedisWorld world_;
  Prng prng_{7};
  std::vector<std::string> keys_;
  std::vector<std::size_t> owners_;
  std::map<std::size_t, End> ends_;
  std::size_t moves_ = 0;
};

TEST_F(RedisReshard, UnderLoadEveryCallIsWhatTheClientSays) {
  for (std::size_t call = 0; call < kCalls;) {
    for (std::uint64_t n = prng_.below(60); n > 0 && call < kCalls; --n) say(call++);
    turns();
    if (prng_.chance(300'000)) move(prng_.below(kKeys));
  }
  ASSERT_TRUE(world_.run_until([&] { return ends_.size() == kCalls; }));
  std::set<std::size_t> executed;
  for (std::size_t node = 0; node < 3; ++node) {
    const RedisValue seen = cluster_.node(node).command({"SLOWLOG", "GET", "-1"});
    for (const RedisValue& line : seen.items) {
      const auto& words = line.items.at(3).items;
      if (words.at(0).text != "HINCRBY") continue;
      EXPECT_TRUE(executed.insert(std::stoul(words.at(2).text)).second) << words.at(2).text;
    }
  }
  std::size_t refused = 0;
  for (const auto& [call, end] : ends_) {
    EXPECT_EQ(executed.contains(call), end == End::kAnswered) << call;
    refused += end == End::kNotExecuted ? 1 : 0;
  }
  EXPECT_GT(moves_, 10u);
  EXPECT_GT(refused, 0u);
  EXPECT_LT(refused, kCalls / 2);
}

// Its connections stay open; only the calls' time tells.
TEST(RedisClusterClient, TheReplicaOfAFrozenMasterIsFound) {
  const RedisCluster cluster({.masters = 3, .replicas = 1});
  RedisWorld world;
  RedisConfig config = config_for({cluster.url(0)});
  config.call_timeout = milliseconds(300);
  ASSERT_EQ(world.open(config), "");
  ASSERT_TRUE(whole(world)) << world.client->trouble();
  const std::string key = key_of(cluster, 1);
  cluster.node(1).freeze();
  EXPECT_EQ(world.ask({"SET", key, "x"}).end, End::kUnknown);
  EXPECT_TRUE(is_done(world, {"SET", key, "y"}));
  EXPECT_EQ(cluster.node(4).command({"GET", key}).text, "y");
  cluster.node(1).thaw();
  EXPECT_EQ(world.ask({"GET", key}).value.text, "y");
}

// The seeds are asked when nobody else is left.
TEST(RedisClusterClient, AClusterThatWasAwayAsAWholeIsFoundAgain) {
  const RedisCluster cluster({});
  RedisWorld world;
  ASSERT_EQ(world.open(config_for({cluster.url(0)})), "");
  ASSERT_TRUE(whole(world)) << world.client->trouble();
  for (std::size_t i = 0; i < 3; ++i) cluster.node(i).kill();
  ASSERT_TRUE(world.run_until([&] { return world.client->connection(key_of(cluster, 2)) == 0; }));
  for (std::size_t i = 0; i < 3; ++i) cluster.node(i).start();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(is_done(world, {"SET", key_of(cluster, i), "x"})) << world.client->trouble();
  }
}

TEST(RedisClusterClient, ASlotWithoutAMasterIsSaidToBeSo) {
  const RedisCluster cluster({});
  const std::string key = key_of(cluster, 0);
  const std::string slot = std::to_string(redis_slot(key));
  for (std::size_t i = 0; i < 3; ++i) cluster.node(i).command({"CLUSTER", "DELSLOTS", slot});
  RedisWorld world;
  ASSERT_EQ(world.open(config_for({cluster.url(1)})), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble() == "cluster: 1 slots have no master";
  })) << world.client->trouble();
  EXPECT_EQ(world.ask({"SET", key, "x"}).why, "no master has this key's slot");
}

TEST(RedisClusterClient, WhatIsNoClusterIsSaidToBeNone) {
  RedisServer redis({.port = true});
  RedisWorld world;
  ASSERT_EQ(world.open(config_for({"redis://127.0.0.1:" + std::to_string(redis.port())})), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble().find("cluster support disabled") != std::string::npos;
  })) << world.client->trouble();
  EXPECT_TRUE(world.ups.empty());
  EXPECT_EQ(world.ask({"GET", "a"}).end, End::kNotExecuted);
}

TEST(RedisClusterClient, AClusterThatTheSettingsDoNotKnowOfIsSaidToBeOne) {
  RedisWorld world;
  RedisFake fake(world.poller, [](const RedisFake::Words& words) {
    if (words[0] == "PING") return "+PONG\r\n";
    return words[1] == "a" ? "-MOVED 1 127.0.0.1:1\r\n" : "$-1\r\n";
  });
  ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for(fake.url())));
  EXPECT_EQ(world.ask({"GET", "a"}).end, End::kNotExecuted);
  EXPECT_TRUE(world.client->trouble().starts_with("this is a node of a cluster"))
      << world.client->trouble();
  EXPECT_EQ(world.ask({"GET", "b"}).end, End::kAnswered);
  EXPECT_TRUE(world.run_until([&] { return world.client->trouble().empty(); }))
      << "one that was refused is not the last word";
}

}  // namespace
}  // namespace sluice::port
