// What the client says of a call is what became of it, whatever happens to the server: the server
// itself counts how often it has executed each.
#include <gtest/gtest.h>

#include <map>

#include "lib/base/prng.h"
#include "tests/port/redis_world.h"
#include "tests/redis/redis_server.h"

namespace sluice::port {
namespace {

class RedisFate : public testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::size_t kCalls = 10'000;

  void SetUp() override {
    RedisConfig config = RedisWorld::config_for("unix://" + redis_.socket());
    config.preamble = {count_.load()};
    config.call_timeout = milliseconds(100);
    config.back_off_max = milliseconds(20);
    ASSERT_TRUE(world_.open_and_wait(config));
  }

  void say(std::size_t call) {
    const std::string name = std::to_string(call);
    const std::array<std::string_view, 5> words{"EVALSHA", count_.sha1, "1", "executed", name};
    world_.client->command(words, words[3], [this, call](RedisAnswer& answer) {
      EXPECT_TRUE(ends_.emplace(call, answer.end).second) << call << " ends twice";
      EXPECT_TRUE(answer.end != End::kAnswered || answer.value.integer == 1) << call;
    });
  }

  void trouble() {
    switch (prng_.below(6)) {
      case 0:
        redis_.kill();
        for (std::uint64_t n = prng_.below(5); n > 0; --n) turn();
        return redis_.start();
      case 1:
        redis_.freeze();
        (void)world_.run_until([] { return false; }, milliseconds(prng_.between(1, 150)));
        return redis_.thaw();
      case 2:
        redis_.command({"CLIENT", "KILL", "TYPE", "normal"});
        return;
      case 3:
        redis_.command({"REPLICAOF", "127.0.0.1", "1"});
        for (std::uint64_t n = prng_.below(5); n > 0; --n) turn();
        redis_.command({"REPLICAOF", "NO", "ONE"});
        return;
      default:
        redis_.command({"SCRIPT", "FLUSH"});
    }
  }
  void turn() { world_.poller.poll(world_.poller.now() + milliseconds(1)); }

  RedisServer redis_{RedisServer::Options{.conf = {"appendonly yes", "appendfsync always"}}};
  RedisWorld world_;
  RedisTestScript count_{"return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)"};
  Prng prng_{GetParam()};
  std::map<std::size_t, End> ends_;
};

TEST_P(RedisFate, IsWhatTheClientSays) {
  for (std::size_t call = 0; call < kCalls;) {
    for (std::uint64_t n = prng_.below(100); n > 0 && call < kCalls; --n) say(call++);
    if (prng_.chance(700'000)) turn();
    if (prng_.chance(200'000)) trouble();
    if (prng_.chance(500'000)) {
      ASSERT_TRUE(world_.run_until([&] { return world_.client->connection("executed") != 0; }));
    }
  }
  ASSERT_TRUE(world_.run_until([&] { return ends_.size() == kCalls; }));
  std::map<std::size_t, int> executed;
  const RedisValue seen = redis_.command({"HGETALL", "executed"});
  for (std::size_t i = 0; i + 1 < seen.items.size(); i += 2) {
    executed[std::stoul(seen.items[i].text)] = std::stoi(seen.items[i + 1].text);
  }
  std::map<End, std::size_t> counts;
  for (const auto& [call, end] : ends_) {
    const int times = executed.contains(call) ? executed[call] : 0;
    EXPECT_LE(times, 1) << call;
    EXPECT_TRUE(end != End::kAnswered || times == 1) << call;
    EXPECT_TRUE(end != End::kNotExecuted || times == 0) << call;
    ++counts[end];
  }
  EXPECT_GT(counts[End::kAnswered], 0u);
  EXPECT_GT(counts[End::kNotExecuted] + counts[End::kUnknown], 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RedisFate, testing::Values(1, 2, 3, 4, 5, 6));

}  // namespace
}  // namespace sluice::port
