// What the store's scripts cost a Redis core, beside a plain GCRA script on the same server in the
// same run: microseconds of the server's own CPU (/proc) for each decision or message.
//
//   bench-redis-scripts [decisions, and four times the messages [decisions|messages|sizes]]
//
// It starts Debian's redis-server on a unix socket of its own and ends it.
#include <hiredis/hiredis.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "bench/redis/shard.h"
#include "lib/base/check.h"
#include "limiter/redis_codec.h"

namespace sluice::limiter {
namespace {

// As those who limit rates with Redis write it: one key, one float, time of the server.
constexpr const char* kGcra = R"(#!lua
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = tonumber(redis.call('GET', KEYS[1]) or 0)
if tat < now then tat = now end
local allow_at = tat - interval * (burst - 1)
if allow_at > now then return {0, allow_at - now} end
redis.call('SET', KEYS[1], string.format('%.0f', tat + interval), 'PX', 61000)
return {1, 0}
)";

port::RedisValue value_of(const redisReply* reply) {
  port::RedisValue value;
  CHECK(reply != nullptr);
  using Kind = port::RedisValue::Kind;
  if (reply->type == REDIS_REPLY_ERROR) std::fprintf(stderr, "%s\n", reply->str);
  value.kind = reply->type == REDIS_REPLY_ERROR     ? Kind::kError
               : reply->type == REDIS_REPLY_ARRAY   ? Kind::kArray
               : reply->type == REDIS_REPLY_STRING  ? Kind::kString
               : reply->type == REDIS_REPLY_INTEGER ? Kind::kInteger
                                                    : Kind::kNil;
  value.integer = reply->integer;
  if (reply->str != nullptr) value.text.assign(reply->str, reply->len);
  for (std::size_t i = 0; i < reply->elements; ++i) {
    value.items.push_back(value_of(reply->element[i]));
  }
  return value;
}

class Server {
 public:
  Server() {
    char name[] = "/tmp/sluice-redis-bench-XXXXXX";
    CHECK(mkdtemp(name) != nullptr);
    directory_ = name;
    child_ = fork();
    CHECK(child_ >= 0);
    const std::string socket = directory_ + "/redis.sock", log = directory_ + "/log";
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket.c_str(),
             "--save", "", "--appendonly", "no", "--logfile", log.c_str(), "--repl-backlog-ttl",
             "0", nullptr);
      _exit(127);
    }
    for (int i = 0; i < 500 && context_ == nullptr; ++i) {
      usleep(10'000);
      context_ = redisConnectUnix(socket.c_str());
      if (context_->err != 0) redisFree(std::exchange(context_, nullptr));
    }
    CHECK(context_ != nullptr);
  }
  ~Server() {
    redisFree(context_);
    ::kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    std::filesystem::remove_all(directory_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void append(const std::vector<std::string>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words)
      texts.push_back(word.data()), sizes.push_back(word.size());
    const int count = static_cast<int>(words.size());
    CHECK(redisAppendCommandArgv(context_, count, texts.data(), sizes.data()) == REDIS_OK);
  }
  port::RedisValue reply() {
    void* raw = nullptr;
    CHECK(redisGetReply(context_, &raw) == REDIS_OK);
    auto* reply = static_cast<redisReply*>(raw);
    port::RedisValue value = value_of(reply);
    freeReplyObject(reply);
    return value;
  }
  port::RedisValue command(const std::vector<std::string>& words) {
    append(words);
    return reply();
  }
  // Of this process, user and system.
  [[nodiscard]] double cpu_us() const {
    std::ifstream stat("/proc/" + std::to_string(child_) + "/schedstat");
    double ns = 0;
    stat >> ns;
    return ns / 1000;
  }
  [[nodiscard]] double memory() {
    const std::string info = command({"INFO", "memory"}).text;
    return std::strtod(info.c_str() + info.find("used_memory:") + 12, nullptr);
  }

 private:
  std::string directory_;
  pid_t child_ = 0;
  redisContext* context_ = nullptr;
};

// Microseconds of the server, seconds by the clock, for so many keys or messages.
struct Cost {
  double us = 0, seconds = 0, units = 0;

  Cost& operator+=(const Cost& more) {
    us += more.us, seconds += more.seconds, units += more.units;
    return *this;
  }
  [[nodiscard]] double each() const { return us / units; }
  void print(const std::string& name) const {
    std::printf("%-46s %7.2f us  %9.0f/s a core  (%.0f/s here)\n", name.c_str(), each(),
                1e6 / each(), units / seconds);
  }
};

struct Bench {
  Server server;
  StoreConfig settings = shard_config();
  RedisSaid said{{}, true};

  void load(RedisScript script) {
    CHECK(server.command({"SCRIPT", "LOAD", text_of(script).text}).text == text_of(script).sha1);
  }
  void say(Call call) {
    RedisExchange exchange(settings, std::move(call));
    const RedisHeard heard = exchange.hear(server.command(words_of(exchange.next(said))));
    CHECK(heard == RedisHeard::kDone);
    said.life = exchange.life();
  }
  // Pipelines of 64 of the commands until `last`; each is about so many keys or messages.
  Cost measure(std::size_t each, const std::vector<std::vector<std::string>>& commands,
               const std::function<void(const port::RedisValue&)>& heard = {}) {
    const double before = server.cpu_us();
    const auto from = std::chrono::steady_clock::now();
    std::size_t said_so_far = 0;
    while (said_so_far < commands.size()) {
      const std::size_t these = std::min<std::size_t>(64, commands.size() - said_so_far);
      for (std::size_t i = 0; i < these; ++i) server.append(commands[said_so_far + i]);
      for (std::size_t i = 0; i < these; ++i) {
        const port::RedisValue value = server.reply();
        CHECK(value.kind != port::RedisValue::Kind::kError);
        if (heard) heard(value);
      }
      said_so_far += these;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - from;
    return {server.cpu_us() - before, took.count(), static_cast<double>(commands.size() * each)};
  }
};

// One decision: the meter over a full log of 10 slots.
void decisions(Bench& bench, std::size_t count) {
  constexpr std::size_t kKeys = 1'000;
  for (std::size_t n = 0; n < kKeys * 10; n += 50) {
    Commands commands;
    commands.add(bench.settings, bench.said, {n, 50, kKeys});
    bench.measure(50, commands.grants);
    bench.measure(50, commands.completions);
  }
  for (const std::size_t batch : {std::size_t{1}, std::size_t{32}}) {
    std::vector<std::vector<std::string>> commands;
    for (std::size_t n = 0; n < count; n += batch) {
      std::vector<std::string> keys;
      for (std::size_t i = 0; i < batch; ++i) keys.push_back(key_of((n + i) * 7 % kKeys));
      commands.push_back(words_of(say_decide("up", keys, bench.said)));
    }
    const std::string name = "decide, full exact log of 10, batch " + std::to_string(batch);
    bench.measure(batch, commands).print(name);
  }
}

void gcra(Bench& bench, std::size_t count) {
  const std::string sha = bench.server.command({"SCRIPT", "LOAD", kGcra}).text;
  std::vector<std::vector<std::string>> commands;
  for (std::size_t n = 0; n < count; ++n) {
    commands.push_back({"EVALSHA", sha, "1", "gcra:" + std::to_string(n % 1'000), "6000000", "10"});
  }
  bench.measure(1, commands).print("plain GCRA in Lua, one key a call");
}

// Nine messages of each key, one after the other: the next is asked for when the last is settled.
void messages(Bench& bench, std::size_t count, std::size_t batch) {
  constexpr std::size_t kRounds = 9;
  const std::size_t keys = std::max<std::size_t>(1, count / kRounds / batch) * batch;
  const std::string with = ", batch " + std::to_string(batch);
  std::size_t granted = 0;
  const double memory = bench.server.memory();
  Cost grant, complete, emptied;
  for (std::size_t round = 0; round < kRounds; ++round) {
    Commands commands;
    for (std::size_t n = 0; n < keys; n += batch) {
      commands.add(bench.settings, bench.said, {1'000'000 + round * keys + n, batch, keys});
    }
    grant += bench.measure(batch, commands.grants, [&](const auto& value) {
      for (std::size_t i = 2; i < value.items.size(); ++i) granted += value.items[i].text[0] == 0;
    });
    complete += bench.measure(batch, commands.completions);
    emptied += bench.measure(batch, commands.empties);
  }
  grant.print("grant" + with);
  complete.print("complete" + with);
  emptied.print("emptied" + with);
  const double us = grant.each() + complete.each() + emptied.each();
  std::printf(
      "%-46s %7.2f us  %9.0f/s a core; %zu of %zu granted; %.0f bytes a message and %.1f keys\n",
      ("a message: all three" + with).c_str(), us, 1e6 / us, granted, keys * kRounds,
      (bench.server.memory() - memory) / static_cast<double>(keys * kRounds), 1.0 / kRounds);
}

// What Redis spends on one record, its name and its own bookkeeping included.
void sizes(Bench& bench) {
  const auto bytes = [&](const std::string& name) {
    return bench.server.command({"MEMORY", "USAGE", "{sluice:up}" + name, "SAMPLES", "0"}).integer;
  };
  const auto said = [&](const char* what, long long size) {
    std::printf("%-46s %7lld bytes\n", what, size);
  };
  const std::string message = ":m:" + padded(9'000'000, 16);
  for (std::size_t n = 0; n < 10; ++n) {
    Grant grant{caller(), {ask_of(9'000'000 + n, 1)}};
    Complete complete{caller(), {}};
    Completion completion;
    completion.outcome.attempt = {grant.asks[0].line.identity, 1};
    completion.outcome.upstream = "up";
    completion.outcome.key = grant.asks[0].line.key;
    completion.outcome.ended = wire::Ended::kDelivered;
    completion.outcome.status = 200;
    complete.completions = {completion};
    bench.say(std::move(grant));
    if (n == 0) said("a message under way", bytes(message));
    bench.say(std::move(complete));
    if (n == 0) said("a message settled, its line not emptied", bytes(message));
    if (n == 0) said("a key with one slot", bytes(":k:" + key_of(0)));
  }
  said("a key with ten slots", bytes(":k:" + key_of(0)));
  bench.say(Emptied{"up", {{padded(9'000'000, 16), {}, 1, wire::RecordKind::kAttempt}}});
  said("a message settled and emptied", bytes(message));
  said("the shard's state", bytes(""));
}

// `part`: all of it, or what its name begins with.
int run(std::size_t count, const std::string& part) {
  const auto does = [&](const char* name) { return part.empty() || part == name; };
  Bench bench;
  for (std::size_t i = 0; i < kRedisScripts; ++i) bench.load(static_cast<RedisScript>(i));
  const auto begin = [&] {
    bench.server.command({"FLUSHALL"});
    bench.say(SetLimits{"up", "settings"});
    bench.say(AskClock{"up", caller()});
  };
  for (int twice = 0; twice < 2 && does("decisions"); ++twice) {
    begin();
    gcra(bench, count);
    decisions(bench, count);
  }
  for (const std::size_t batch : {std::size_t{1}, std::size_t{32}, std::size_t{256}}) {
    if (!does("messages")) break;
    begin();
    messages(bench, count / 4, batch);
  }
  begin();
  if (does("sizes")) sizes(bench);
  return 0;
}

}  // namespace
}  // namespace sluice::limiter

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 200'000;
  return sluice::limiter::run(count, argc > 2 ? argv[2] : "");
}
