// Servers that do not do what they should.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/port/redis_fake.h"
#include "tests/port/redis_world.h"
#include "tests/redis/redis_server.h"

namespace sluice::port {
namespace {

using Words = RedisFake::Words;

RedisFake::Answer pong_and(std::function<std::string(const Words&)> rest) {
  return [rest = std::move(rest)](const Words& words) {
    return words[0] == "PING" ? "+PONG\r\n" : rest(words);
  };
}

TEST(HostileRedis, BytesThatAreNoAnswerEndTheConnectionAndTheCallIsUnknown) {
  const std::pair<std::string, const char*> rows[] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "no answer of Redis"},
      {std::string("\0\0\0\0", 4), "no answer of Redis"},
      {"$-7\r\n", "no answer of Redis"},
      {"*2147483648\r\n", "no answer of Redis"},
      {"$5\r\nhel\x04", "closed by the server"},
      {"*3\r\n:1\r\n$-1\r\n\x04", "closed by the server"},
      {"\x04", "closed by the server"},
      {std::string(100'000, '+') + "\x04", "no answer of Redis"},
  };
  for (const auto& [bytes, why] : rows) {
    RedisWorld world;
    RedisFake fake(world.poller, pong_and([said = bytes](const Words&) { return said; }));
    ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for(fake.url())));
    const RedisAnswer answer = world.ask({"GET", "a"});
    EXPECT_EQ(answer.end, End::kUnknown) << bytes.substr(0, 20);
    EXPECT_NE(answer.why.find(why), std::string::npos) << answer.why;
    ASSERT_TRUE(world.run_until([&] { return world.ups.size() == 2; })) << "it is tried again";
  }
}

TEST(HostileRedis, AnAnswerTooManyEndsTheConnection) {
  RedisWorld world;
  RedisFake fake(world.poller, pong_and([](const Words&) { return "+OK\r\n+OK\r\n"; }));
  ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for(fake.url())));
  EXPECT_EQ(world.ask({"GET", "a"}).value.text, "OK");
  ASSERT_TRUE(world.run_until([&] { return world.ups.size() == 2; }));
}

TEST(HostileRedis, AHugeClaimIsNotBelieved) {
  RedisWorld world;
  RedisFake fake(world.poller, pong_and([](const Words&) { return "*2000000000\r\n:1\r\n"; }));
  RedisConfig config = RedisWorld::config_for(fake.url());
  config.call_timeout = milliseconds(300);
  ASSERT_TRUE(world.open_and_wait(config));
  EXPECT_EQ(world.ask({"GET", "a"}).end, End::kUnknown) << "by its time";
}

TEST(HostileRedis, OneThatSaysNothingAtAllIsSaidToBeSo) {
  RedisWorld world;
  RedisFake fake(world.poller, [](const Words&) { return ""; });
  RedisConfig config = RedisWorld::config_for(fake.url());
  config.connect_timeout = milliseconds(200);
  ASSERT_EQ(world.open(config), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble().ends_with("connecting: no answer in time");
  })) << world.client->trouble();
  EXPECT_TRUE(world.ups.empty());
}

TEST(HostileRedis, OneThatLoadsItsDataIsNotUpUntilItHas) {
  RedisWorld world;
  bool loading = true;
  RedisFake fake(world.poller, [&](const Words&) {
    return loading ? "-LOADING Redis is loading the dataset in memory\r\n" : "+PONG\r\n";
  });
  ASSERT_EQ(world.open(RedisWorld::config_for(fake.url())), "");
  ASSERT_TRUE(world.run_until([&] { return fake.heard.size() >= 3; }));
  EXPECT_NE(world.client->trouble().find("PING is refused: LOADING"), std::string::npos)
      << world.client->trouble();
  EXPECT_TRUE(world.ups.empty());
  loading = false;
  EXPECT_TRUE(world.run_until([&] { return !world.ups.empty(); }));
}

// One that must not be asked: its calls under way are still answered, new ones are refused, and it
// is connected to again.
TEST(HostileRedis, OneThatSaysMasterdownIsLeftWhenItHasAnsweredAll) {
  RedisWorld world;
  RedisFake fake(world.poller, pong_and([](const Words& words) {
                   return words[0] == "GET" ? "-MASTERDOWN Link with MASTER is down\r\n"
                                            : "+OK\r\n";
                 }));
  ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for(fake.url())));
  std::vector<std::string> seen;
  world.say({"GET", "a"}, [&](RedisAnswer& answer) {
    EXPECT_EQ(answer.end, End::kNotExecuted);
    EXPECT_TRUE(answer.why.starts_with("MASTERDOWN"));
    EXPECT_EQ(world.client->connection("a"), 0u);
    EXPECT_NE(world.client->trouble().find("MASTERDOWN"), std::string::npos);
    world.say({"SET", "b"}, [&](RedisAnswer& later) {
      EXPECT_EQ(later.end, End::kNotExecuted);
      seen.push_back("later");
    });
    seen.push_back("first");
  });
  world.say({"SET", "a"}, [&](RedisAnswer& answer) {
    EXPECT_EQ(answer.end, End::kAnswered);
    seen.push_back("second");
  });
  ASSERT_TRUE(world.run_until([&] { return seen.size() == 3 && world.ups.size() == 2; }));
  EXPECT_EQ(seen, (std::vector<std::string>{"first", "second", "later"}));
}

TEST(HostileRedis, AServerMadeAReplicaIsAskedAgainWhenItIsAMaster) {
  RedisServer redis;
  RedisWorld world;
  ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for("unix://" + redis.socket())));
  redis.command({"REPLICAOF", "127.0.0.1", "1"});
  const RedisAnswer refused = world.ask({"SET", "a", "b"});
  EXPECT_EQ(refused.end, End::kNotExecuted);
  EXPECT_TRUE(refused.why.starts_with("READONLY")) << refused.why;
  redis.command({"REPLICAOF", "NO", "ONE"});
  ASSERT_TRUE(world.run_until([&] { return world.ups.size() >= 2; }));
  ASSERT_TRUE(world.run_until([&] { return world.ask({"SET", "a", "b"}).value.text == "OK"; }));
}

// As behind a DNS name: the old primary is alive, answers READONLY, and the name leads to another.
TEST(HostileRedis, AFailoverIsFollowedWhereTheNameLeads) {
  RedisServer old_primary;
  RedisServer new_primary;
  const std::string name = old_primary.directory() + "/name";
  std::filesystem::create_symlink(old_primary.socket(), name);
  RedisWorld world;
  ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for("unix://" + name)));
  EXPECT_EQ(world.ask({"SET", "a", "old"}).value.text, "OK");
  std::filesystem::remove(name);
  std::filesystem::create_symlink(new_primary.socket(), name);
  old_primary.command({"REPLICAOF", "127.0.0.1", "1"});
  EXPECT_EQ(world.ask({"SET", "a", "new"}).end, End::kNotExecuted);
  ASSERT_TRUE(world.run_until([&] { return world.ups.size() == 2; }));
  EXPECT_EQ(world.ask({"SET", "a", "new"}).value.text, "OK");
  EXPECT_EQ(new_primary.command({"GET", "a"}).text, "new");
  EXPECT_EQ(old_primary.command({"GET", "a"}).text, "old");
}

TEST(HostileRedis, ABusyServerHasNotExecutedTheCall) {
  RedisWorld world;
  RedisFake fake(world.poller,
                 pong_and([](const Words&) { return "-BUSY Redis is busy running a script\r\n"; }));
  ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for(fake.url())));
  EXPECT_EQ(world.ask({"GET", "a"}).end, End::kNotExecuted);
  EXPECT_EQ(world.ups.size(), 1u);
}

TEST(HostileRedis, ScriptsThatAreNeverThereEndTheCallAsNotExecuted) {
  RedisWorld world;
  const RedisTestScript script("return 1");
  RedisFake fake(world.poller, pong_and([](const Words& words) {
                   return words[0] == "SCRIPT" ? "+loaded\r\n" : "-NOSCRIPT No matching script\r\n";
                 }));
  RedisConfig config = RedisWorld::config_for(fake.url());
  config.preamble = {script.load()};
  ASSERT_TRUE(world.open_and_wait(config));
  fake.heard.clear();
  EXPECT_EQ(world.ask({"EVALSHA", script.sha1, "0"}).end, End::kNotExecuted);
  EXPECT_EQ(fake.heard.size(), 5u) << "three calls, and two preambles between them";
}

}  // namespace
}  // namespace sluice::port
