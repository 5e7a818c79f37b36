#include "tests/redis/redis_server.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Kind = port::RedisValue::Kind;

std::int64_t time_of(RedisServer& redis) {
  const port::RedisValue time = redis.command({"TIME"});
  EXPECT_EQ(time.items.size(), 2u);
  return std::stoll(time.items.at(0).text) * 1'000'000 + std::stoll(time.items.at(1).text);
}

TEST(RedisServer, AnswersAndIsThereAgainAfterAKill) {
  RedisServer redis({.port = true, .conf = {"appendonly yes", "appendfsync always"}});
  EXPECT_NE(redis.port(), 0);
  EXPECT_EQ(redis
                .command({"SET", "a",
                          std::string("1\0"
                                      "2",
                                      3)})
                .text,
            "OK");
  redis.kill();
  EXPECT_TRUE(redis.command({"PING"}).text.starts_with("lost"));
  redis.start();
  EXPECT_EQ(redis.command({"GET", "a"}).text, std::string("1\0"
                                                          "2",
                                                          3));
  EXPECT_EQ(redis.command({"GET", "b"}).kind, Kind::kNil);
  EXPECT_EQ(redis.command({"NOSUCH"}).kind, Kind::kError);
}

TEST(RedisServer, ItsTimeAndItsExpiryAreTheTests) {
  RedisServer redis({.clock = true});
  constexpr std::int64_t kThen = 1'790'000'000'123'456;
  redis.set_clock(kThen);
  EXPECT_EQ(time_of(redis), kThen);
  const std::string script = "local t = redis.call('TIME') return t[1] .. '.' .. t[2]";
  EXPECT_EQ(redis.command({"EVAL", script, "0"}).text, "1790000000.123456");
  redis.command({"SET", "a", "1", "PX", "5000"});
  redis.set_clock(kThen + 4'999'000);
  EXPECT_EQ(redis.command({"GET", "a"}).text, "1");
  redis.set_clock(kThen + 5'001'000);
  EXPECT_EQ(redis.command({"GET", "a"}).kind, Kind::kNil);
  redis.shift_clock(-300'000'000);
  const std::int64_t before = time_of(redis);
  redis.shift_clock(0);
  EXPECT_GT(time_of(redis), before + 299'000'000);
}

}  // namespace
}  // namespace sluice
