#include "tests/conformance/redis_client_rig.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <span>
#include <utility>

#include "lib/base/check.h"
#include "lib/port/redis_slots.h"
#include "tests/port/redis_world.h"
#include "tests/redis/redis_cluster.h"
#include "tests/redis/redis_user.h"

namespace sluice::limiter {

namespace {

using port::RedisAnswer;
using port::RedisConfig;
using port::RedisValue;
using port::RedisWorld;

constexpr const char* kShard = "{sluice:up}";

// A client that each rig shares, and waits for.
class Line {
 public:
  explicit Line(RedisConfig config) {
    for (const RedisScriptText& script : kRedisScriptTexts) {
      config.preamble.push_back({"SCRIPT", "LOAD", script.text});
    }
    EXPECT_TRUE(world_.open_and_wait(std::move(config))) << world_.client->trouble();
  }
  RedisValue say(const RedisCommand& command) {
    std::vector<std::string> words{"EVALSHA", text_of(command.script).sha1,
                                   std::to_string(command.keys.size())};
    words.insert(words.end(), command.keys.begin(), command.keys.end());
    words.insert(words.end(), command.args.begin(), command.args.end());
    const std::vector<std::string_view> args(words.begin(), words.end());
    RedisAnswer got = once(args, command.keys.front());
    // What was not executed may be said again, as the limiter does: the shard has moved.
    for (int i = 0; i < 1'000 && got.end == RedisAnswer::End::kNotExecuted; ++i) {
      world_.run_until([] { return false; }, milliseconds(20));
      got = once(args, command.keys.front());
    }
    EXPECT_EQ(got.end, RedisAnswer::End::kAnswered) << got.why;
    return got.value;
  }

 private:
  RedisAnswer once(std::span<const std::string_view> args, const std::string& key) {
    RedisAnswer got;
    bool heard = false;
    world_.poller.poll(port::steady_now());  // the loop stood still: what time is it?
    world_.client->command(args, key, [&](RedisAnswer& answer) {
      got = std::move(answer);
      heard = true;
    });
    EXPECT_TRUE(world_.run_until([&] { return heard; }));
    return got;
  }

  RedisWorld world_;
};

// ---- three masters, each with a replica ---------------------------------------------------------

// Nodes that would take a clock that is stepped for silence of the others would fail over.
RedisCluster::Options cluster_options() {
  return {.masters = 3,
          .replicas = 1,
          .clock = true,
          .conf = {"cluster-node-timeout 1000000000000", "repl-timeout 1000000000",
                   "repl-backlog-ttl 0"}};
}

struct Masters {
  RedisCluster cluster{cluster_options()};
  std::size_t first = cluster.first_owner(port::redis_slot(kShard));
  std::size_t now = first;
  Line line{config()};

  RedisConfig config() const {
    RedisConfig config = RedisWorld::config_for(cluster.url(0));
    config.cluster = true;
    return config;
  }
  [[nodiscard]] std::size_t other() const { return now == first ? 3 + first : first; }
};

class ClusterRig final : public RedisRig {
 public:
  ClusterRig(const StoreConfig& config, StoreTime clock) : RedisRig(config) { begin(clock); }
  RedisServer& at() override { return masters().cluster.node(masters().now); }
  RedisValue evaluate(const RedisCommand& command) override { return masters().line.say(command); }

 protected:
  void set_clock(StoreTime clock) override { masters().cluster.set_clock(clock.us); }
  // Its replica takes over, and is followed by who was master.
  void promote() override {
    RedisServer& before = at();
    RedisServer& after = masters().cluster.node(masters().other());
    EXPECT_EQ(before.command({"WAIT", "1", "0"}).integer, 1);
    EXPECT_EQ(after.command({"CLUSTER", "FAILOVER", "TAKEOVER"}).text, "OK");
    for (int i = 0; i < 3'000; ++i) {
      const std::string link = before.command({"INFO", "replication"}).text;
      if (link.find("master_link_status:up") != std::string::npos) {
        masters().now = masters().other();
        return;
      }
      usleep(10'000);
    }
    ADD_FAILURE() << "the old master does not follow the new one";
  }

 private:
  static Masters& masters() {
    static Masters all;
    return all;
  }
};

// ---- TLS, and the user of the runbook -----------------------------------------------------------

struct Sealed {
  std::string directory = made();
  std::string port = std::to_string(free_port());
  RedisServer server{
      {.clock = true,
       .conf = {"repl-backlog-ttl 0", "tls-port " + port, "tls-cert-file " + directory + "/pem",
                "tls-key-file " + directory + "/key", "tls-ca-cert-file " + directory + "/pem",
                "tls-auth-clients no", "user sluice on >secret " + rights_of_the_runbook()}}};
  Line line{config()};
  ~Sealed() { std::filesystem::remove_all(directory); }

  static std::string made() {
    std::string pattern = testing::TempDir() + "sluice_rig_tls_XXXXXX";
    CHECK(mkdtemp(pattern.data()) != nullptr);
    const std::string command = "cd " + pattern +
                                " && openssl req -x509 -newkey ec -pkeyopt "
                                "ec_paramgen_curve:prime256v1 -nodes -keyout key -out pem -subj "
                                "/CN=store -addext subjectAltName=IP:127.0.0.1 -days 2 "
                                ">/dev/null 2>&1 && printf secret > password";
    CHECK(std::system(command.c_str()) == 0);
    return pattern;
  }
  RedisConfig config() const {
    RedisConfig config = RedisWorld::config_for("rediss://sluice@127.0.0.1:" + port);
    config.password = "secret://file" + directory + "/password";
    config.tls.ca_file = directory + "/pem";
    return config;
  }
};

class TlsRig final : public RedisRig {
 public:
  TlsRig(const StoreConfig& config, StoreTime clock) : RedisRig(config) { begin(clock); }
  RedisServer& at() override { return sealed().server; }
  RedisValue evaluate(const RedisCommand& command) override { return sealed().line.say(command); }

 protected:
  void set_clock(StoreTime clock) override { sealed().server.set_clock(clock.us); }

 private:
  static Sealed& sealed() {
    static Sealed one;
    return one;
  }
};

}  // namespace

std::unique_ptr<StoreRig> make_cluster_rig(const StoreConfig& config, StoreTime clock) {
  return std::make_unique<ClusterRig>(config, clock);
}

std::unique_ptr<StoreRig> make_tls_rig(const StoreConfig& config, StoreTime clock) {
  return std::make_unique<TlsRig>(config, clock);
}

}  // namespace sluice::limiter
