#include "lib/port/redis_client.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/port/redis_world.h"
#include "tests/redis/redis_server.h"

namespace sluice::port {
namespace {

std::string tcp(const RedisServer& redis) {
  return "redis://127.0.0.1:" + std::to_string(redis.port());
}
std::string unix_of(const RedisServer& redis) { return "unix://" + redis.socket(); }

TEST(RedisClient, AnswersOverTcpAndUnixSocketsInOrder) {
  RedisServer redis({.port = true});
  for (const std::string& url : {tcp(redis), unix_of(redis)}) {
    RedisWorld world;
    ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for(url)));
    EXPECT_EQ(world.client->trouble(), "");
    redis.command({"DEL", "n"});
    std::vector<std::int64_t> got;
    for (int i = 0; i < 5'000; ++i) {
      world.say({"INCR", "n"}, [&](RedisAnswer& answer) { got.push_back(answer.value.integer); });
    }
    EXPECT_TRUE(got.empty()) << "answers come from the loop only";
    ASSERT_TRUE(world.run_until([&] { return got.size() == 5'000; }));
    std::vector<std::int64_t> want(5'000);
    std::iota(want.begin(), want.end(), 1);
    EXPECT_EQ(got, want);
    EXPECT_EQ(world.client->calls_under_way(), 0u);
  }
}

TEST(RedisClient, ATurnsCallsLeaveInOneWrite) {
  RedisServer redis;
  RedisWorld world;
  ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for(unix_of(redis))));
  const auto events = [&] {
    const std::string info = redis.command({"INFO", "stats"}).text;
    const std::size_t at = info.find("total_reads_processed:");
    return std::stoll(info.substr(at + 22));
  };
  const auto before = events();
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    world.say({"SET", "a", "b"}, [&](RedisAnswer&) { ++answered; });
  }
  ASSERT_TRUE(world.run_until([&] { return answered == 100; }));
  EXPECT_LE(events() - before, 2) << "one of ours, one of the question's own";
}

TEST(RedisClient, ErrorsOfTheServerAreAnswers) {
  RedisServer redis;
  RedisWorld world;
  ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for(unix_of(redis))));
  world.ask({"SET", "text", "x"});
  const RedisAnswer answer = world.ask({"INCR", "text"});
  EXPECT_EQ(answer.end, End::kAnswered);
  EXPECT_EQ(answer.value.kind, Kind::kError);
  EXPECT_TRUE(answer.value.text.starts_with("ERR value is not an integer")) << answer.value.text;
}

TEST(RedisClient, BeyondItsLimitsACallIsRefusedAndSaysSo) {
  RedisServer redis;
  RedisWorld world;
  RedisConfig config = RedisWorld::config_for(unix_of(redis));
  config.calls_max = 3;
  ASSERT_TRUE(world.open_and_wait(config));
  std::vector<End> ends;
  std::string why;
  for (int i = 0; i < 5; ++i) {
    world.say({"PING"}, [&](RedisAnswer& answer) {
      ends.push_back(answer.end);
      if (answer.end == End::kNotExecuted) why = answer.why;
    });
  }
  ASSERT_TRUE(world.run_until([&] { return ends.size() == 5; }));
  EXPECT_EQ(std::count(ends.begin(), ends.end(), End::kAnswered), 3);
  EXPECT_EQ(std::count(ends.begin(), ends.end(), End::kNotExecuted), 2);
  EXPECT_EQ(why, "too many calls are under way");
}

TEST(RedisClient, AKilledServerEndsItsCallsAndTheNextConnectionHasAnotherNumber) {
  RedisServer redis;
  RedisWorld world;
  ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for(unix_of(redis))));
  const std::uint64_t first = world.client->connection("");
  EXPECT_EQ(first, world.ups.front());
  redis.freeze();
  std::vector<RedisAnswer> answers;
  const auto keep = [&](RedisAnswer& answer) { answers.push_back(answer); };
  world.say({"INCR", "n"}, keep);
  world.poller.poll(world.poller.now());  // it is written
  world.say({"INCR", "n"}, keep);         // this one is not: the server is gone before
  redis.kill();
  ASSERT_TRUE(world.run_until([&] { return answers.size() == 2; }));
  EXPECT_EQ(answers[0].end, End::kUnknown);
  EXPECT_NE(answers[1].end, End::kAnswered);
  EXPECT_EQ(world.client->connection(""), 0u);
  EXPECT_EQ(world.ask({"PING"}).end, End::kNotExecuted);
  EXPECT_NE(world.client->trouble(), "");
  redis.start();
  ASSERT_TRUE(world.run_until([&] { return world.client->connection("") != 0; }));
  EXPECT_GT(world.client->connection(""), first);
  EXPECT_EQ(world.ups.size(), 2u);
  EXPECT_EQ(world.ask({"PING"}).value.text, "PONG");
}

TEST(RedisClient, ACallNotAnsweredInTimeIsUnknownAndItsConnectionEnds) {
  RedisServer redis({.port = true});
  RedisWorld world;
  RedisConfig config = RedisWorld::config_for(tcp(redis));
  config.call_timeout = milliseconds(200);
  ASSERT_TRUE(world.open_and_wait(config));
  redis.freeze();
  const RedisAnswer late = world.ask({"SET", "a", "b"});
  EXPECT_EQ(late.end, End::kUnknown);
  EXPECT_NE(late.why.find("no answer in time"), std::string::npos) << late.why;
  redis.thaw();
  ASSERT_TRUE(world.run_until([&] { return world.ups.size() >= 2; }));
  EXPECT_EQ(world.ask({"ECHO", "mine"}).value.text, "mine");
}

TEST(RedisClient, AnswersOfManyMegabytesArrive) {
  RedisServer redis;
  RedisWorld world;
  ASSERT_TRUE(world.open_and_wait(RedisWorld::config_for(unix_of(redis))));
  const std::string big(20 * 1024 * 1024, 'x');
  EXPECT_EQ(world.ask({"SET", "big", big}).value.text, "OK");
  const RedisAnswer answer = world.ask({"MGET", "big", "none", "big"});
  ASSERT_EQ(answer.value.items.size(), 3u);
  EXPECT_EQ(answer.value.items[0].text, big);
  EXPECT_EQ(answer.value.items[1].kind, Kind::kNil);
  EXPECT_EQ(answer.value.items[2].text, big);
}

TEST(RedisClient, NobodyThereIsSaidByName) {
  RedisWorld world;
  ASSERT_EQ(world.open(RedisWorld::config_for("redis://127.0.0.1:1")), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble() == "127.0.0.1:1: connecting: Connection refused";
  })) << world.client->trouble();
  ASSERT_EQ(world.open(RedisWorld::config_for("redis://no.such.host.invalid:6379")), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble().starts_with("no.such.host.invalid:6379: its name");
  })) << world.client->trouble();
}

TEST(RedisClient, AServerThatIsFullIsSaidToBeSo) {
  RedisServer redis;
  EXPECT_EQ(redis.command({"CONFIG", "SET", "maxclients", "1"}).text, "OK");
  RedisWorld world;
  ASSERT_EQ(world.open(RedisWorld::config_for(unix_of(redis))), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble().ends_with("ERR max number of clients reached");
  })) << world.client->trouble();
  redis.command({"CONFIG", "SET", "maxclients", "10"});
  EXPECT_TRUE(world.run_until([&] { return !world.ups.empty(); }));
}

// ---- scripts -----------------------------------------------------------------------------------

TEST(RedisClient, ScriptsAreLoadedBeforeAnythingElseAndAgainAfterAFlush) {
  RedisServer redis;
  RedisWorld world;
  const RedisTestScript add("return redis.call('INCRBY', KEYS[1], ARGV[1])");
  const RedisTestScript get("return {KEYS[1], redis.call('GET', KEYS[1])}");
  RedisConfig config = RedisWorld::config_for(unix_of(redis));
  config.preamble = {add.load(), get.load()};
  ASSERT_TRUE(world.open_and_wait(config));
  std::vector<RedisAnswer> answers;
  const std::array<std::string_view, 5> adds{"EVALSHA", add.sha1, "1", "n", "2"};
  const std::array<std::string_view, 4> gets{"EVALSHA", get.sha1, "1", "n"};
  for (std::size_t round = 0; round < 3; ++round) {
    if (round > 0) redis.command({"SCRIPT", "FLUSH"});
    for (int i = 0; i < 10; ++i) {
      world.client->command(adds, "n", [&](RedisAnswer& answer) { answers.push_back(answer); });
    }
    ASSERT_TRUE(world.run_until([&] { return answers.size() == 10 * (round + 1); }));
  }
  for (const RedisAnswer& answer : answers) EXPECT_EQ(answer.value.kind, Kind::kInteger);
  EXPECT_EQ(answers.back().value.integer, 60) << "each exactly once";
  RedisAnswer got;
  world.client->command(gets, "n", [&](RedisAnswer& answer) { got = answer; });
  ASSERT_TRUE(world.run_until([&] { return !got.value.items.empty(); }));
  EXPECT_EQ(got.value.items[1].text, "60");
  EXPECT_EQ(world.ups.size(), 1u);
}

TEST(RedisClient, AScriptThatDoesNotCompileKeepsTheConnectionFromBeingUp) {
  RedisServer redis;
  RedisWorld world;
  RedisConfig config = RedisWorld::config_for(unix_of(redis));
  config.preamble = {{"SCRIPT", "LOAD", "this is no Lua"}};
  ASSERT_EQ(world.open(config), "");
  ASSERT_TRUE(world.run_until([&] {
    return world.client->trouble().find("preamble is refused: ERR Error compiling script") !=
           std::string::npos;
  })) << world.client->trouble();
  EXPECT_TRUE(world.ups.empty());
}

}  // namespace
}  // namespace sluice::port
