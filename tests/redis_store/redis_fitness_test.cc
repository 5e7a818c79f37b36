// Which servers a limiter finds fit to hold grants.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/port/redis_fake.h"
#include "tests/redis/redis_cluster.h"
#include "tests/redis/redis_user.h"
#include "tests/redis_store/redis_store_world.h"

namespace sluice::limiter {
namespace {

using Topology = RedisRules::Topology;

std::string url_of(const RedisServer& server) { return "unix://" + server.socket(); }

std::string replica_of(const RedisServer& primary) {
  return "replicaof 127.0.0.1 " + std::to_string(primary.port());
}

bool has_replicas(RedisServer& primary, int count) {
  const std::string last = "slave" + std::to_string(count - 1) + ":";
  for (int i = 0; i < 3'000; ++i) {
    const std::string info = primary.command({"INFO", "replication"}).text;
    const std::size_t at = info.find(last);
    if (at != std::string::npos && info.find("state=online", at) != std::string::npos) return true;
    usleep(10'000);
  }
  return false;
}

const std::vector<std::string> kWaitsForOne = {"min-replicas-to-write 1", "min-replicas-max-lag 10",
                                               "repl-diskless-sync-delay 0"};

// With one master its replica takes over by a person's word alone, and the old one goes on.
TEST(RedisFitness, a_cluster_of_one_shard_proves_nothing_by_its_node_timeout) {
  RedisCluster cluster({.masters = 1, .replicas = 1});
  RedisOptions options = options_for(cluster.url(0));
  options.client.cluster = true;
  RedisStoreWorld world(options);
  EXPECT_TRUE(world.comes_to_say("the cluster has 1 masters")) << world.trouble();
  for (const char* setting : {"min-replicas-to-write", "min-replicas-max-lag"}) {
    ASSERT_EQ(cluster.node(0).command({"CONFIG", "SET", setting, "1"}).text, "OK");
  }
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
}

TEST(RedisFitness, three_masters_stop_within_one_and_a_half_node_timeouts) {
  RedisCluster cluster({.masters = 3});
  RedisOptions options = options_for(cluster.url(0));
  options.client.cluster = true;
  RedisStoreWorld world(options);
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
  for (std::size_t n = 0; n < 3; ++n) {
    cluster.node(n).command({"CONFIG", "SET", "cluster-node-timeout", "12001"});
  }
  EXPECT_TRUE(world.comes_to_say("cluster-node-timeout is 12001ms")) << world.trouble();
}

// Who starts while one is cut off must know of it: it may be promoted.
TEST(RedisFitness, a_replica_that_is_away_is_counted_by_a_limiter_that_never_saw_it) {
  RedisServer primary({.port = true, .conf = kWaitsForOne});
  RedisServer one({.conf = {replica_of(primary)}});
  RedisServer other({.conf = {replica_of(primary)}});
  ASSERT_TRUE(has_replicas(primary, 2));
  const std::string needs_two = "min-replicas-to-write is 1 and must be at least 2";
  EXPECT_TRUE(RedisStoreWorld(options_for(url_of(primary))).comes_to_say(needs_two));
  other.kill();
  RedisStoreWorld later(options_for(url_of(primary)));
  EXPECT_TRUE(later.comes_to_say(needs_two)) << later.trouble();
  // A person took it away for good.
  EXPECT_EQ(primary.command({"DEL", "{sluice:}:replicas"}).integer, 1);
  EXPECT_TRUE(later.comes_to_say("")) << later.trouble();
}

// It has its primary's life, and would count for itself.
TEST(RedisFitness, a_replica_that_may_be_written_to_is_no_primary) {
  RedisServer primary({.port = true, .conf = kWaitsForOne});
  RedisServer replica({.conf = {replica_of(primary), "replica-read-only no"}});
  ASSERT_TRUE(has_replicas(primary, 1));
  RedisStoreWorld at_primary(options_for(url_of(primary)));
  EXPECT_TRUE(at_primary.comes_to_say("")) << at_primary.trouble();
  EXPECT_FALSE(std::holds_alternative<StoreFailed>(at_primary.say(AskLimits{"up"}).answer));
  RedisStoreWorld at_replica(options_for(url_of(replica)));
  EXPECT_TRUE(at_replica.comes_to_say("it is a replica")) << at_replica.trouble();
  const StoreReply reply = at_replica.say(AskLimits{"up"});
  const auto* failed = std::get_if<StoreFailed>(&reply.answer);
  ASSERT_NE(failed, nullptr);
  EXPECT_NE(failed->what.find("READONLY"), std::string::npos) << failed->what;
}

// What is counted as good by a primary that was stopped, or by a lag that is too long, may have
// been promoted.
TEST(RedisFitness, replicas_that_say_nothing_for_longer_than_the_overlap_are_none) {
  RedisServer primary({.port = true, .conf = kWaitsForOne});
  RedisServer replica({.conf = {replica_of(primary)}});
  ASSERT_TRUE(has_replicas(primary, 1));
  StoreConfig config = config_with();
  config.store_overlap = seconds(3);
  RedisStoreWorld world(options_for(url_of(primary), Topology::kVouched), config);
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
  EXPECT_FALSE(std::holds_alternative<StoreFailed>(world.say(AskLimits{"up"}).answer));
  replica.freeze();
  world.run_for(seconds(5));  // less than min-replicas-max-lag
  const StoreReply reply = world.say(AskLimits{"up"});
  const auto* failed = std::get_if<StoreFailed>(&reply.answer);
  ASSERT_NE(failed, nullptr);
  EXPECT_NE(failed->what.find("NOREPLICAS the replicas said nothing"), std::string::npos)
      << failed->what;
  replica.thaw();
  EXPECT_TRUE(world.run_until(
      [&] { return !std::holds_alternative<StoreFailed>(world.say(AskLimits{"up"}).answer); }));
}

TEST(RedisFitness, a_disk_that_takes_no_snapshot_is_named_until_it_does) {
  RedisServer redis({.conf = {"save 3600 1000000", "dbfilename taken"}});
  RedisStoreWorld world(options_for(url_of(redis), Topology::kSingle));
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
  std::filesystem::create_directory(redis.directory() + "/taken");
  redis.command({"BGSAVE"});
  EXPECT_TRUE(world.comes_to_say("rdb_last_bgsave_status is err")) << world.trouble();
  EXPECT_NE(world.metrics().find("sluice_limiter_store_unfit{why=\"disk\"} 1"), std::string::npos);
  std::filesystem::remove(redis.directory() + "/taken");
  redis.command({"BGSAVE"});
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
}

TEST(RedisFitness, grants_leave_a_tenth_of_the_servers_memory_to_outcomes) {
  RedisServer redis;
  testing::internal::CaptureStderr();
  RedisStoreWorld world(options_for(url_of(redis), Topology::kSingle));
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("nothing bounds the store's memory"), std::string::npos) << log;
  redis.command({"SETRANGE", "ballast", "67108864", "x"});
  redis.command({"CONFIG", "SET", "maxmemory", "72000000"});
  EXPECT_TRUE(world.comes_to_say("grants may use 90 % of its maxmemory, 64800000"));
}

TEST(RedisFitness, one_server_that_has_replicas_all_the_same_is_said_in_the_log) {
  RedisServer primary({.port = true, .conf = kWaitsForOne});
  RedisServer replica({.conf = {replica_of(primary)}});
  ASSERT_TRUE(has_replicas(primary, 1));
  testing::internal::CaptureStderr();
  RedisStoreWorld world(options_for(url_of(primary), Topology::kSingle));
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("store_topology is single, and the store's server has replicas"),
            std::string::npos)
      << log;
}

// Its scripts are refused on each connection, so only one without them can tell why.
TEST(RedisFitness, a_server_that_is_too_old_for_the_scripts_ends_the_limiter) {
  RedisStoreWorld world;
  port::RedisFake old(world.poller(), [](const port::RedisFake::Words& words) -> std::string {
    if (words[0] == "PING") return "+PONG\r\n";
    if (words[0] == "SCRIPT") return "-ERR Error compiling script: unexpected symbol near '#'\r\n";
    const std::string info = "redis_version:6.2.14\r\nrole:master\r\nmaster_replid:8c1ff2\r\n";
    return "$" + std::to_string(info.size()) + "\r\n" + info + "\r\n";
  });
  world.open(options_for(old.url()));
  ASSERT_TRUE(world.run_until([&] { return world.ended.has_value(); })) << world.trouble();
  EXPECT_EQ(world.ended->code, Trouble::kSettings);
  EXPECT_NE(world.ended->what.find("is Redis 6.2.14"), std::string::npos) << world.ended->what;
}

// A limiter that stays connected to the old server, while the name leads others to the new one.
TEST(RedisFitness, two_servers_are_noticed_within_half_the_overlap) {
  RedisServer old, next;
  const std::string name = old.directory() + "/name";
  std::filesystem::create_symlink(old.socket(), name);
  RedisOptions options = options_for("unix://" + name, Topology::kSingle);
  options.rules.overlap = seconds(2);
  RedisStoreWorld world(options);
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
  std::filesystem::create_symlink(next.socket(), name + ".new");
  std::filesystem::rename(name + ".new", name);
  EXPECT_TRUE(world.comes_to_say("two connections to the store reach two servers"));
  ASSERT_TRUE(world.run_until([&] { return world.ended.has_value(); }));
  EXPECT_EQ(world.ended->code, Trouble::kUnavailable);
}

// A server may take another life under connections that stay.
TEST(RedisFitness, another_life_of_the_same_server_is_not_two_servers) {
  RedisServer redis;
  RedisOptions options = options_for(url_of(redis), Topology::kSingle);
  options.rules.overlap = seconds(1);
  RedisStoreWorld world(options);
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
  for (int i = 0; i < 20; ++i) {
    redis.command({"REPLICAOF", "127.0.0.1", "1"});
    redis.command({"REPLICAOF", "NO", "ONE"});
    world.run_for(milliseconds(250));
  }
  EXPECT_FALSE(world.ended.has_value()) << world.ended->what;
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
}

// A password from a file, and no more rights than the runbook's user has.
class AsTheUser {
 public:
  AsTheUser() {
    file_ = std::filesystem::temp_directory_path() / ("sluice_secret_" + std::to_string(getpid()));
    std::ofstream(file_) << "secret";
  }
  ~AsTheUser() { std::filesystem::remove(file_); }
  static std::string conf() { return "user sluice on >secret " + rights_of_the_runbook(); }
  [[nodiscard]] RedisOptions options(std::uint16_t port) const {
    RedisOptions options = options_for("redis://sluice@127.0.0.1:" + std::to_string(port));
    options.client.password = "secret://file" + file_.string();
    return options;
  }

 private:
  std::filesystem::path file_;
};

TEST(RedisFitness, the_user_of_the_runbook_may_ask_all_that_proves_it) {
  const AsTheUser user;
  std::vector<std::string> conf = kWaitsForOne;
  conf.push_back(AsTheUser::conf());
  RedisServer primary({.port = true, .conf = conf});
  RedisServer replica({.conf = {replica_of(primary)}});
  ASSERT_TRUE(has_replicas(primary, 1));
  RedisStoreWorld world(user.options(primary.port()));
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
  EXPECT_EQ(primary.command({"GET", "{sluice:}:replicas"}).text, "1");
}

TEST(RedisFitness, the_user_of_the_runbook_may_ask_it_of_a_cluster) {
  const AsTheUser user;
  const RedisCluster cluster({.masters = 3, .conf = {AsTheUser::conf()}});
  RedisOptions options = user.options(cluster.node(0).port());
  options.client.cluster = true;
  RedisStoreWorld world(options);
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
}

std::string life_of(RedisServer& server) {
  const auto facts = read_info(server.command({"INFO"}).text);
  return facts ? facts->life : "";
}

// What the runbook says of repl-backlog-ttl: Redis drops the backlog, and its life with it.
TEST(RedisFitness, a_primary_that_has_lost_its_replicas_takes_another_life_by_itself) {
  for (const bool forever : {false, true}) {
    std::vector<std::string> conf = kWaitsForOne;
    conf.emplace_back(forever ? "repl-backlog-ttl 0" : "repl-backlog-ttl 1");
    RedisServer primary({.port = true, .conf = conf});
    RedisServer replica({.conf = {replica_of(primary)}});
    ASSERT_TRUE(has_replicas(primary, 1));
    const std::string before = life_of(primary);
    replica.kill();
    int tries = 0;
    while (life_of(primary) == before && ++tries < (forever ? 50 : 300)) usleep(100'000);
    EXPECT_EQ(life_of(primary) == before, forever);
  }
}

bool is_closed(RedisStoreWorld& world, const std::string& upstream) {
  const StoreReply reply = world.say(AskClock{upstream, {}});
  const auto* answer = std::get_if<Acknowledged>(&reply.answer);
  EXPECT_NE(answer, nullptr);
  return answer != nullptr && answer->closed_until > reply.now;
}

TEST(RedisFitness, keys_that_were_evicted_are_counted_and_close) {
  RedisServer redis;
  RedisOptions options = options_for(url_of(redis), Topology::kSingle);
  options.fresh = true;
  RedisStoreWorld world(options);
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
  EXPECT_FALSE(is_closed(world, "up"));
  redis.command({"SET", "another", "key", "EX", "100"});
  redis.evict_one();
  world.run_for(milliseconds(110));
  EXPECT_TRUE(is_closed(world, "up"));
  EXPECT_TRUE(world.run_until([&] {
    return world.metrics().find("sluice_limiter_store_evicted_keys 2\n") != std::string::npos;
  })) << world.metrics();
}

// What a person said of the start is not said of an upstream that comes later: another limiter may
// have been sending to it.
TEST(RedisFitness, fresh_is_said_of_the_upstreams_of_the_start_alone) {
  RedisServer redis;
  RedisOptions options = options_for(url_of(redis), Topology::kSingle);
  options.fresh = true;
  RedisStoreWorld world(options, config_with({"b", "c"}));
  EXPECT_TRUE(world.comes_to_say("")) << world.trouble();
  EXPECT_FALSE(is_closed(world, "b"));
  EXPECT_FALSE(is_closed(world, "c"));
  world.store().set_config(config_with({"a", "b", "c"}), "SIGHUP");
  EXPECT_TRUE(is_closed(world, "a"));
  EXPECT_FALSE(is_closed(world, "b"));
}

}  // namespace
}  // namespace sluice::limiter
