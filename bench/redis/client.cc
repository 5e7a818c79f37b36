// A script called as fast as Sluice's Redis client takes it: one decision a call, so many under way
// on its one connection, each for a key by chance. Prints one line of JSON.
//
// usage: bench-redis-client URL SCRIPT CALLS UNDER_WAY [VALUE...]

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
#include "lib/digest/digest.h"
#include "lib/port/clock.h"
#include "lib/port/log.h"
#include "lib/port/redis_client.h"

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
  explicit Calls(const Asked& asked) : asked_(asked), sha1_(name_of(asked.script)) {
    words_ = {"EVALSHA", sha1_, "1", {}};
    words_.insert(words_.end(), asked.values.begin(), asked.values.end());
    port::RedisConfig config;
    config.urls = {asked.url};
    config.preamble = {{"SCRIPT", "LOAD", asked.script}};
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
    words_[3] = key_;
    client_->command(words_, key_, [this](port::RedisAnswer& answer) { take(answer); });
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

  // What Redis calls it by.
  static std::string name_of(const std::string& script) {
    const auto digest = sha1(script);
    return to_hex(std::string(digest.begin(), digest.end()));
  }

  const Asked& asked_;
  std::string sha1_;
  std::vector<std::string_view> words_;  // of one call
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
