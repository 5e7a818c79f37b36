// Decisions by Sluice's own Redis client, on its one connection: the meter over full logs of ten
// slots, one key a call. As fast as it goes, what one costs Redis's core; then at so many a second,
// evenly, how long one takes beside a bare round trip (ECHO) in turns. Prints one line of JSON.
//
// usage: bench-redis-decide URL CALLS UNDER_WAY A_SECOND SECONDS

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/own_cpu.h"
#include "bench/redis/shard.h"
#include "lib/base/check.h"
#include "lib/base/prng.h"
#include "lib/port/clock.h"
#include "lib/port/log.h"
#include "lib/port/poller.h"
#include "lib/port/redis_client.h"
#include "lib/port/unique_fd.h"

namespace sluice::limiter {
namespace {

using Words = std::vector<std::string>;

constexpr std::size_t kKeys = 1'000;

class Client {
 public:
  explicit Client(const std::string& url) {
    port::RedisConfig config;
    config.urls = {url};
    for (std::size_t i = 0; i < kRedisScripts; ++i) {
      config.preamble.push_back({"SCRIPT", "LOAD", kRedisScriptTexts[i].text});
    }
    auto opened =
        port::RedisClient::open(poller_, log_, config, [this](std::uint64_t) { up_ = true; });
    if (!opened) {
      std::fprintf(stderr, "bench-redis-decide: %s\n", opened.error().what.c_str());
      std::exit(78);
    }
    client_ = std::move(*opened);
    while (!up_) poll(seconds(1));
  }

  port::Poller& poller() { return poller_; }
  void poll(Duration most) { poller_.poll(port::steady_now() + most); }
  void send(const Words& words, std::function<void()> answered) {
    views_.assign(words.begin(), words.end());
    client_->command(
        views_, "{sluice:up}", [this, then = std::move(answered)](port::RedisAnswer& answer) {
          CHECK(answer.end == port::RedisAnswer::End::kAnswered);
          if (answer.value.kind == port::RedisValue::Kind::kError) {
            std::fprintf(stderr, "bench-redis-decide: %s\n", answer.value.text.c_str());
            std::exit(75);
          }
          last_ = std::move(answer.value);
          then();
        });
  }
  port::RedisValue ask(const Words& words) {
    bool done = false;
    send(words, [&] { done = true; });
    while (!done) poll(seconds(1));
    return last_;
  }
  // Of the server's one core, so far.
  double core_us() {
    const std::string said = ask({"INFO", "cpu"}).text;
    double us = 0;
    for (const char* name : {"used_cpu_user_main_thread:", "used_cpu_sys_main_thread:"}) {
      us += 1e6 *
            std::strtod(said.c_str() + said.find(name) + std::string_view(name).size(), nullptr);
    }
    return us;
  }

 private:
  port::Poller poller_;
  port::Log log_{{"bench", port::Level::kWarning, false}};
  std::vector<std::string_view> views_;
  port::RedisValue last_;
  bool up_ = false;
  std::unique_ptr<port::RedisClient> client_;
};

// Ten messages of each key have just gone.
RedisSaid fill(Client& client) {
  const StoreConfig settings = shard_config();
  RedisSaid said{{}, true};
  const auto say = [&](Call call) {
    RedisExchange exchange(settings, std::move(call));
    CHECK(exchange.hear(client.ask(words_of(exchange.next(said)))) == RedisHeard::kDone);
    said.life = exchange.life();
  };
  say(SetLimits{"up", "settings"});
  say(AskClock{"up", caller()});
  for (std::size_t n = 0; n < kKeys * 10; n += 50) {
    Commands commands;
    commands.add(settings, said, {n, 50, kKeys});
    client.ask(commands.grants[0]);
    client.ask(commands.completions[0]);
  }
  return said;
}

Words decide(const RedisSaid& said, Prng& prng) {
  return words_of(say_decide("up", {key_of(prng.below(kKeys))}, said));
}

// So many, so many of them under way. Seconds.
double rush(Client& client, const RedisSaid& said, std::size_t calls, std::size_t under_way) {
  Prng prng(1);
  std::vector<Words> words;
  for (std::size_t i = 0; i < 10'000; ++i) words.push_back(decide(said, prng));
  std::size_t sent = 0, answered = 0;
  const std::function<void()> fill_up = [&] {
    while (sent < calls && sent - answered < under_way) {
      client.send(words[sent++ % words.size()], [&] {
        ++answered;
        fill_up();
      });
    }
  };
  const Instant from = port::steady_now();
  fill_up();
  while (answered < calls) client.poll(seconds(1));
  return static_cast<double>((port::steady_now() - from).us) / 1e6;
}

// So many calls, one after each interval: the loop sleeps and is woken by a timer, as a limiter is
// by a socket. Microseconds from command() to the answer, of each.
struct Pace {
  Duration interval;
  std::size_t calls = 0;
};
template <class Make>
void run_paced(Client& client, const Pace& pace, std::vector<double>& took, Make make) {
  const port::UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  const timespec each{0, static_cast<long>(pace.interval.us * 1000)};
  const itimerspec spec{each, each};
  CHECK(timerfd_settime(timer.get(), 0, &spec, nullptr) == 0);
  std::size_t sent = 0, answered = 0;
  client.poller().watch_fd(timer.get(), EPOLLIN, [&](std::uint32_t) {
    std::uint64_t times = 0;
    CHECK(read(timer.get(), &times, sizeof times) == sizeof times);
    if (sent == pace.calls) return;
    ++sent;
    client.send(make(), [&took, &answered, at = port::steady_now()] {
      took.push_back(static_cast<double>((port::steady_now() - at).us));
      ++answered;
    });
  });
  while (answered < pace.calls) client.poll(seconds(1));
  client.poller().unwatch_fd(timer.get());
}

double percentile(std::vector<double>& of, double share) {
  const auto at =
      of.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(of.size() - 1));
  std::nth_element(of.begin(), at, of.end());
  return *at;
}

struct Asked {
  std::string url;
  std::string script;
  std::size_t calls = 0, under_way = 0, a_second = 0, rounds = 0;
  Words values;
};

void say_times(const char* name, std::vector<double>& took) {
  std::printf(", \"%s_p50\": %.0f, \"%s_p99\": %.0f", name, percentile(took, 0.5), name,
              percentile(took, 0.99));
}

// A second of each in each round.
void latencies(Client& client, const RedisSaid& said, const Asked& asked) {
  Prng prng(2);
  const Pace pace{microseconds(static_cast<std::int64_t>(1'000'000 / asked.a_second)),
                  asked.a_second};
  Words other{"EVALSHA", client.ask({"SCRIPT", "LOAD", asked.script}).text, "1", {}};
  other.insert(other.end(), asked.values.begin(), asked.values.end());
  std::vector<double> bare, script, decided;
  for (std::size_t round = 0; round < asked.rounds; ++round) {
    run_paced(client, pace, bare, [] { return Words{"ECHO", "x"}; });
    run_paced(client, pace, script, [&] {
      other[3] = key_of(prng.below(kKeys));
      return other;
    });
    run_paced(client, pace, decided, [&] { return decide(said, prng); });
  }
  say_times("bare", bare);
  say_times("script", script);
  say_times("decide", decided);
}

int run(const Asked& asked) {
  Client client(asked.url);
  const RedisSaid said = fill(client);
  const double core = client.core_us(), own = bench::own_cpu_us();
  const double took = rush(client, said, asked.calls, asked.under_way);
  const double own_us = bench::own_cpu_us() - own, core_us = client.core_us() - core;
  std::printf("{\"calls\": %zu, \"seconds\": %.6f, \"core_us\": %.0f, \"cpu_us\": %.0f",
              asked.calls, took, core_us, own_us);
  if (asked.rounds > 0) latencies(client, said, asked);
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace sluice::limiter

int main(int count, char** words) {
  if (count < 7) {
    std::fputs("usage: bench-redis-decide URL SCRIPT CALLS UNDER_WAY A_SECOND ROUNDS [VALUE...]\n",
               stderr);
    return 64;
  }
  std::ifstream file(words[2]);
  std::stringstream text;
  text << file.rdbuf();
  const auto number = [&](int at) { return std::strtoull(words[at], nullptr, 10); };
  return sluice::limiter::run({words[1],
                               text.str(),
                               number(3),
                               number(4),
                               number(5),
                               number(6),
                               {words + 7, words + count}});
}
