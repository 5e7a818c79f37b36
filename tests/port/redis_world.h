// A client of a test, and the loop that it lives in.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/digest/digest.h"
#include "lib/port/clock.h"
#include "lib/port/log.h"
#include "lib/port/poller.h"
#include "lib/port/redis_client.h"

namespace sluice::port {

using Kind = RedisValue::Kind;
using End = RedisAnswer::End;

// A Lua script, loaded by a preamble and called by its name.
struct RedisTestScript {
  explicit RedisTestScript(std::string text) : source(std::move(text)) {
    const auto digest = ::sluice::sha1(source);
    sha1 = to_hex(std::string(digest.begin(), digest.end()));
  }
  [[nodiscard]] std::vector<std::string> load() const { return {"SCRIPT", "LOAD", source}; }
  std::string source;
  std::string sha1;
};

struct RedisWorld {
  Poller poller;
  Log log{{"test", Level::kError, false}};
  std::vector<std::uint64_t> ups;
  std::unique_ptr<RedisClient> client;

  static RedisConfig config_for(std::string url) {
    RedisConfig config;
    config.urls = {std::move(url)};
    config.call_timeout = seconds(10);
    config.connect_timeout = seconds(10);
    config.back_off_max = milliseconds(200);
    return config;
  }

  // Empty, or what is wrong with the configuration.
  std::string open(RedisConfig config) {
    auto opened = RedisClient::open(poller, log, std::move(config),
                                    [this](std::uint64_t number) { ups.push_back(number); });
    if (!opened) return opened.error().what;
    client = std::move(*opened);
    return {};
  }
  bool open_and_wait(RedisConfig config) {
    return open(std::move(config)).empty() && run_until([&] { return !ups.empty(); });
  }

  bool run_until(const std::function<bool()>& condition, Duration at_most = seconds(30)) {
    const Instant end = steady_now() + at_most;
    while (!condition() && steady_now() < end) poller.poll(steady_now() + milliseconds(20));
    return condition();
  }

  void say(const std::vector<std::string>& words, RedisAnswered answered) const {
    const std::vector<std::string_view> args(words.begin(), words.end());
    client->command(args, words.size() > 1 ? words[1] : "", std::move(answered));
  }
  // Waits for its answer.
  RedisAnswer ask(const std::vector<std::string>& words) {
    RedisAnswer got;
    bool answered = false;
    say(words, [&](RedisAnswer& answer) {
      got = std::move(answer);
      answered = true;
    });
    if (!run_until([&] { return answered; })) got.why = "the test's patience ended";
    return got;
  }
};

}  // namespace sluice::port
