// Users, passwords, and passwords that change.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/port/redis_fake.h"
#include "tests/port/redis_world.h"
#include "tests/redis/redis_server.h"

namespace sluice::port {
namespace {

using Words = RedisFake::Words;

void write_secret(const std::string& path, const std::string& secret) {
  std::ofstream(path) << secret << '\n';
}

RedisConfig login_config(const std::string& path, const std::string& secret_file) {
  RedisConfig config = RedisWorld::config_for("unix://" + path);
  config.password = "secret://file" + secret_file;
  config.password_every = milliseconds(20);
  return config;
}

// With the user of a URL: unix:///path has no place for one.
RedisConfig user_config(const RedisServer& redis) {
  RedisConfig config = login_config("", redis.directory() + "/secret");
  config.urls = {"redis://limiter@127.0.0.1:" + std::to_string(redis.port())};
  return config;
}

long long auths(RedisServer& redis) {
  const std::string info = redis.command({"INFO", "commandstats"}).text;
  const std::size_t at = info.find("cmdstat_auth:calls=");
  return at == std::string::npos ? 0 : std::stoll(info.substr(at + 19));
}

TEST(RedisLogin, APasswordAloneComesFromTheEnvironment) {
  RedisServer redis({.conf = {"requirepass hunter2"}});
  setenv("SLUICE_TEST_REDIS_PASSWORD", "hunter2", 1);
  RedisWorld world;
  RedisConfig config = RedisWorld::config_for("unix://" + redis.socket());
  config.password = "secret://env/SLUICE_TEST_REDIS_PASSWORD";
  ASSERT_TRUE(world.open_and_wait(config));
  EXPECT_EQ(world.ask({"SET", "a", "b"}).value.text, "OK");
}

TEST(RedisLogin, WithoutAPasswordWhereOneIsNeededItIsSaid) {
  RedisServer redis({.conf = {"requirepass hunter2"}});
  RedisWorld world;
  ASSERT_EQ(world.open(RedisWorld::config_for("unix://" + redis.socket())), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble().find("PING is refused: NOAUTH") != std::string::npos;
  })) << world.client->trouble();
}

TEST(RedisLogin, AWrongPasswordIsSaidAndTheRightOneTakenWhenItIsThere) {
  RedisServer redis({.port = true, .conf = {"user limiter on >right ~* +@all"}});
  const std::string file = redis.directory() + "/secret";
  write_secret(file, "hunter2");
  RedisWorld world;
  ASSERT_EQ(world.open(user_config(redis)), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble().ends_with("AUTH is refused: WRONGPASS");
  })) << world.client->trouble();
  EXPECT_TRUE(world.ups.empty());
  write_secret(file, "right");
  ASSERT_TRUE(world.run_until([&] { return !world.ups.empty(); }));
  EXPECT_EQ(world.ask({"ACL", "WHOAMI"}).value.text, "limiter");
}

TEST(RedisLogin, ASecretThatIsNotThereIsNamed) {
  RedisServer redis;
  RedisWorld world;
  ASSERT_EQ(world.open(login_config(redis.socket(), "/no/such/secret")), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble().ends_with("secret://file/no/such/secret cannot be read");
  })) << world.client->trouble();
}

// The new password is told to the server, then to the file; the old one is taken away when we have
// logged in again. Calls flow all the while, on one connection.
TEST(RedisLogin, ANewPasswordIsSaidWithoutLosingACall) {
  RedisServer redis({.port = true, .conf = {"user limiter on >first ~* +@all"}});
  const std::string file = redis.directory() + "/secret";
  write_secret(file, "first");
  RedisWorld world;
  ASSERT_TRUE(world.open_and_wait(user_config(redis)));
  std::int64_t said = 0;
  std::int64_t answered = 0;
  const auto flow_until = [&](const std::function<bool()>& condition) {
    return world.run_until([&] {
      ++said;
      world.say({"INCR", "n"}, [&](RedisAnswer& answer) {
        EXPECT_EQ(answer.end, End::kAnswered) << answer.why;
        EXPECT_EQ(answer.value.integer, ++answered);
      });
      return condition();
    });
  };
  const long long before = auths(redis);
  redis.command({"ACL", "SETUSER", "limiter", ">second"});
  write_secret(file, "second");
  ASSERT_TRUE(flow_until([&] { return auths(redis) > before; }));
  redis.command({"ACL", "SETUSER", "limiter", "<first"});
  // A password that the server does not know yet: the login stays what it was.
  write_secret(file, "third");
  ASSERT_TRUE(flow_until([&] { return auths(redis) > before + 3; }));
  redis.command({"ACL", "SETUSER", "limiter", ">third", "<second"});
  const long long refused = auths(redis);
  ASSERT_TRUE(flow_until([&] { return auths(redis) > refused; }));
  ASSERT_TRUE(world.run_until([&] { return answered == said; }));
  EXPECT_EQ(world.ups.size(), 1u);
  // Cut off, it comes back with the new one.
  redis.command({"CLIENT", "KILL", "USER", "limiter"});
  ASSERT_TRUE(world.run_until([&] { return world.ups.size() == 2; }));
  EXPECT_EQ(world.ask({"INCR", "n"}).value.integer, answered + 1);
}

// What was refused for want of a login is sent again after one, each call once.
TEST(RedisLogin, ALoginTakenAwayIsSaidAgainAndTheCallsAfterIt) {
  RedisWorld world;
  std::string wanted = "first";
  std::string said;
  RedisFake fake(world.poller, [&](const Words& words) -> std::string {
    if (words[0] == "AUTH") said = words[1];
    if (words[0] == "AUTH" && said != wanted) return "-WRONGPASS invalid\r\n";
    if (words[0] == "AUTH") return "+OK\r\n";
    if (said != wanted) return "-NOAUTH Authentication required.\r\n";
    return words[0] == "PING" ? "+PONG\r\n" : "+" + words[1] + "\r\n";
  });
  const std::string file = testing::TempDir() + "sluice_redis_secret_" + std::to_string(getpid());
  write_secret(file, "first");
  RedisConfig config = RedisWorld::config_for(fake.url());
  config.password = "secret://file" + file;
  config.password_every = hours(1);
  ASSERT_TRUE(world.open_and_wait(config));
  wanted = "second";
  write_secret(file, "second");
  std::vector<std::string> seen;
  for (const char* name : {"a", "b", "c"}) {
    world.say({"GET", name}, [&](RedisAnswer& answer) { seen.push_back(answer.value.text); });
  }
  ASSERT_TRUE(world.run_until([&] { return seen.size() == 3; }));
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(world.ups.size(), 1u);
  // A login that does not help: not executed, and the connection is left.
  wanted = "third";
  const RedisAnswer refused = world.ask({"GET", "d"});
  EXPECT_EQ(refused.end, End::kNotExecuted);
  EXPECT_TRUE(refused.why.starts_with("NOAUTH")) << refused.why;
  write_secret(file, "third");
  ASSERT_TRUE(world.run_until([&] { return world.ups.size() == 2; }));
  EXPECT_EQ(world.ask({"GET", "e"}).value.text, "e");
  std::filesystem::remove(file);
}

TEST(RedisLogin, AServerThatRepeatsThePasswordIsNotQuoted) {
  setenv("SLUICE_TEST_REDIS_PASSWORD", "hunter2", 1);
  RedisWorld world;
  RedisFake fake(world.poller, [](const Words&) {
    return "-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n";
  });
  RedisConfig config = RedisWorld::config_for(fake.url());
  config.password = "secret://env/SLUICE_TEST_REDIS_PASSWORD";
  ASSERT_EQ(world.open(config), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble().ends_with("AUTH is refused: ERR");
  })) << world.client->trouble();
}

}  // namespace
}  // namespace sluice::port
