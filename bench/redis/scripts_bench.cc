// What the store's scripts cost a Redis core, beside a plain GCRA script on the same server in the
// same run: microseconds of the server's own CPU (/proc) for each decision or message.
//
//   bench-redis-scripts [seconds a measurement]
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

const std::vector<Limit> kOnly = {
    Limit{"window", LimitScope::kKey, 10, seconds(60), 10, seconds(1)}};

StoreConfig config() {
  StoreConfig config;
  Upstream upstream;
  upstream.name = "up";
  upstream.in_flight_per_key = 100;
  upstream.limits = kOnly;
  config.upstreams = {upstream};
  return config;
}

struct Bench {
  Server server;
  StoreConfig settings = config();
  RedisSaid said{{}, true};

  void load(RedisScript script) {
    CHECK(server.command({"SCRIPT", "LOAD", text_of(script).text}).text == text_of(script).sha1);
  }
  static std::vector<std::string> words(const RedisCommand& command) {
    std::vector<std::string> words{"EVALSHA", text_of(command.script).sha1,
                                   std::to_string(command.keys.size())};
    words.insert(words.end(), command.keys.begin(), command.keys.end());
    words.insert(words.end(), command.args.begin(), command.args.end());
    return words;
  }
  void say(Call call) {
    RedisExchange exchange(settings, std::move(call));
    const RedisHeard heard = exchange.hear(server.command(words(exchange.next(said))));
    CHECK(heard == RedisHeard::kDone);
    said.life = exchange.life();
  }
  // Pipelines of 64 of the commands until `last`; microseconds of the server for each of `each`.
  double measure(const char* name, std::size_t each,
                 const std::vector<std::vector<std::string>>& commands,
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
    const double units = static_cast<double>(commands.size() * each);
    const double us = (server.cpu_us() - before) / units;
    std::printf("%-46s %7.2f us  %9.0f/s a core  (%.0f/s here)\n", name, us, 1e6 / us,
                units / took.count());
    return us;
  }
};

std::string padded(std::size_t n, std::size_t size) {
  std::string text = std::to_string(n);
  text.insert(0, size - std::min(size, text.size()), '0');
  return text;
}

std::string key_of(std::size_t n) { return "up:user-" + padded(n, 6); }

// The caller's bounds are wide enough for what is made beforehand.
Caller caller() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const StoreTime now{std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
  static const std::uint64_t version = limits_version("up", kOnly);
  return {1, {now - milliseconds(5), now + seconds(30)}, now + seconds(60), version};
}

GrantAsk ask_of(std::size_t n, std::size_t keys) {
  GrantAsk ask;
  ask.line.source = "embedded";
  ask.line.key = key_of(n % keys);
  ask.line.id = "message-" + padded(n, 10);
  ask.line.identity = padded(n, 16);
  ask.line.content_hash = std::string(32, 'h');
  ask.line.upstream = "up";
  ask.line.path = "/messages";
  ask.line.method = "POST";
  ask.first_seen = caller().bounds.low;
  ask.expires_at = ask.first_seen + hours(96);
  ask.dispatcher_life = 7;
  return ask;
}

// One decision: the meter over a full log of 10 slots.
void decisions(Bench& bench, std::size_t count) {
  constexpr std::size_t kKeys = 1'000;
  for (std::size_t n = 0; n < kKeys * 10; n += 50) {
    Grant call{caller(), {}};
    for (std::size_t i = 0; i < 50; ++i) call.asks.push_back(ask_of(n + i, kKeys));
    bench.say(std::move(call));
  }
  for (const std::size_t batch : {std::size_t{1}, std::size_t{32}}) {
    std::vector<std::vector<std::string>> commands;
    for (std::size_t n = 0; n < count; n += batch) {
      std::vector<std::string> keys;
      for (std::size_t i = 0; i < batch; ++i) keys.push_back(key_of((n + i) * 7 % kKeys));
      commands.push_back(Bench::words(say_decide("up", keys, bench.said)));
    }
    const std::string name = "decide, full exact log of 10, batch " + std::to_string(batch);
    bench.measure(name.c_str(), batch, commands);
  }
}

void gcra(Bench& bench, std::size_t count) {
  const std::string sha = bench.server.command({"SCRIPT", "LOAD", kGcra}).text;
  std::vector<std::vector<std::string>> commands;
  for (std::size_t n = 0; n < count; ++n) {
    commands.push_back({"EVALSHA", sha, "1", "gcra:" + std::to_string(n % 1'000), "6000000", "10"});
  }
  bench.measure("plain GCRA in Lua, one key a call", 1, commands);
}

void messages(Bench& bench, std::size_t count, std::size_t batch) {
  const std::size_t keys = count / 9;
  std::vector<std::vector<std::string>> grants, completions, empties;
  for (std::size_t n = 0; n + batch <= count; n += batch) {
    Grant grant{caller(), {}};
    Complete complete{caller(), {}};
    Emptied emptied{"up", {}};
    for (std::size_t i = 0; i < batch; ++i) {
      grant.asks.push_back(ask_of(1'000'000 + n + i, keys));
      const wire::Record& line = grant.asks.back().line;
      Completion completion;
      completion.outcome.attempt = {line.identity, 1};
      completion.outcome.upstream = "up";
      completion.outcome.key = line.key;
      completion.outcome.ended = wire::Ended::kDelivered;
      completion.outcome.status = 200;
      completion.outcome.started_at = complete.caller.bounds.low;
      complete.completions.push_back(std::move(completion));
      emptied.lines.push_back({line.identity, {}, 1, wire::RecordKind::kAttempt});
    }
    grants.push_back(Bench::words(RedisExchange(bench.settings, grant).next(bench.said)));
    completions.push_back(Bench::words(RedisExchange(bench.settings, complete).next(bench.said)));
    empties.push_back(Bench::words(RedisExchange(bench.settings, emptied).next(bench.said)));
  }
  const std::string with = ", batch " + std::to_string(batch);
  std::size_t granted = 0;
  const double memory = bench.server.memory();
  double us = bench.measure(("grant" + with).c_str(), batch, grants, [&](const auto& value) {
    for (std::size_t i = 2; i < value.items.size(); ++i) granted += value.items[i].text[0] == 0;
  });
  us += bench.measure(("complete" + with).c_str(), batch, completions);
  us += bench.measure(("emptied" + with).c_str(), batch, empties);
  std::printf(
      "%-46s %7.2f us  %9.0f/s a core; %zu of %zu granted; %.0f bytes a message and %.1f keys\n",
      ("a message: all three" + with).c_str(), us, 1e6 / us, granted, grants.size() * batch,
      (bench.server.memory() - memory) / static_cast<double>(count), 1 / 9.0);
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

int run(std::size_t count) {
  Bench bench;
  for (std::size_t i = 0; i < kRedisScripts; ++i) bench.load(static_cast<RedisScript>(i));
  bench.say(SetLimits{"up", "settings"});
  bench.say(AskClock{"up", caller()});
  for (int twice = 0; twice < 2; ++twice) {
    gcra(bench, count);
    decisions(bench, count);
    bench.server.command({"DEL", "nothing"});
  }
  for (const std::size_t batch : {std::size_t{1}, std::size_t{32}}) {
    bench.server.command({"FLUSHALL"});
    bench.say(SetLimits{"up", "settings"});
    messages(bench, count / 4, batch);
  }
  bench.server.command({"FLUSHALL"});
  bench.say(SetLimits{"up", "settings"});
  sizes(bench);
  return 0;
}

}  // namespace
}  // namespace sluice::limiter

int main(int argc, char** argv) {
  return sluice::limiter::run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 200'000);
}
