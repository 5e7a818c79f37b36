// A script called as fast as Sluice's Redis client takes it: one decision a call, so many under way
// on its one connection, each for a key by chance. Prints one line of JSON.
//
// usage: bench-redis-client URL SCRIPT CALLS UNDER_WAY [VALUE...]

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/own_cpu.h"
#include "lib/base/prng.h"
#include "lib/port/clock.h"
#include "lib/port/log.h"
#include "lib/port/redis_client.h"
#include "lib/port/redis_scripts.h"

namespace {

using namespace sluice;

constexpr std::uint64_t kKeys = 100'000;

struct Asked {
  std::string url;
  std::string script;
  std::uint64_t calls = 0;
  std::uint64_t under_way = 0;
  std::vector<std::string_view> values;
};

class Calls {
 public:
  explicit Calls(const Asked& asked) : asked_(asked), script_(scripts_.add(asked.script)) {
    port::RedisConfig config;
    config.urls = {asked.url};
    config.preamble = scripts_.preamble();
    auto opened = port::RedisClient::open(poller_, log_, config, [this](std::uint64_t) { fill(); });
    if (!opened) {
      std::fprintf(stderr, "bench-redis-client: %s\n", opened.error().what.c_str());
      std::exit(78);
    }
    client_ = std::move(*opened);
  }

  // False: a call failed.
  bool run() {
    while (answered_ < asked_.calls && !failed_) poller_.poll(port::steady_now() + seconds(1));
    return !failed_;
  }
  [[nodiscard]] double seconds_taken() const {
    return static_cast<double>((port::steady_now() - began_).us) / 1e6;
  }

 private:
  void fill() {
    if (sent_ == 0) began_ = port::steady_now();
    while (sent_ < asked_.calls && sent_ - answered_ < asked_.under_way) send();
  }

  void send() {
    ++sent_;
    key_ = "client:" + std::to_string(prng_.below(kKeys));
    const std::array<std::string_view, 1> keys{key_};
    scripts_.call(script_, keys, asked_.values, words_);
    client_->command(words_.args(), key_, [this](port::RedisAnswer& answer) { take(answer); });
  }

  // Answers come in bunches: what is sent for each goes out in one write.
  void take(const port::RedisAnswer& answer) {
    ++answered_;
    if (answer.end != port::RedisAnswer::End::kAnswered ||
        answer.value.kind != port::RedisValue::Kind::kInteger) {
      std::fprintf(stderr, "bench-redis-client: %s %s\n", answer.why.c_str(),
                   answer.value.text.c_str());
      failed_ = true;
      return;
    }
    fill();
  }

  const Asked& asked_;
  port::RedisScripts scripts_;
  std::size_t script_;
  port::RedisScripts::Words words_;
  std::string key_;
  Prng prng_{1};
  port::Poller poller_;
  port::Log log_{{"bench", port::Level::kWarning, false}};
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  bool failed_ = false;
  Instant began_;
  std::unique_ptr<port::RedisClient> client_;
};

}  // namespace

int main(int count, char** words) {
  if (count < 5) {
    std::fputs("usage: bench-redis-client URL SCRIPT CALLS UNDER_WAY [VALUE...]\n", stderr);
    return 64;
  }
  std::ifstream file(words[2]);
  std::stringstream text;
  text << file.rdbuf();
  const Asked asked{words[1],
                    text.str(),
                    std::strtoull(words[3], nullptr, 10),
                    std::strtoull(words[4], nullptr, 10),
                    {words + 5, words + count}};
  Calls calls(asked);
  if (!calls.run()) return 75;
  std::printf("{\"calls\": %llu, \"seconds\": %.6f, \"cpu_us\": %.0f}\n",
              static_cast<unsigned long long>(asked.calls), calls.seconds_taken(),
              sluice::bench::own_cpu_us());
  return 0;
}
