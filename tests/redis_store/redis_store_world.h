// A RedisStore of a test, and the loop that it lives in: a limiter, as far as its store sees it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/port/clock.h"
#include "limiter/redis_store.h"

namespace sluice::limiter {

inline StoreConfig config_with(std::vector<std::string> upstreams = {"up"}) {
  StoreConfig config;
  for (std::string& name : upstreams) {
    Upstream upstream;
    upstream.name = std::move(name);
    upstream.limits = {Limit{"window", LimitScope::kKey, 10, seconds(60), 3, seconds(1)}};
    config.upstreams.push_back(std::move(upstream));
  }
  return config;
}

inline RedisOptions options_for(std::string url,
                                RedisRules::Topology topology = RedisRules::Topology::kReplicated) {
  RedisOptions options;
  options.client.urls = {std::move(url)};
  options.client.call_timeout = seconds(10);
  options.client.connect_timeout = seconds(10);
  options.client.back_off_max = milliseconds(200);
  options.rules.topology = topology;
  return options;
}

class RedisStoreWorld {
 public:
  RedisStoreWorld() = default;
  explicit RedisStoreWorld(RedisOptions options, StoreConfig config = config_with()) {
    open(std::move(options), std::move(config));
  }
  void open(RedisOptions options, StoreConfig config = config_with()) {
    auto opened = RedisStore::open(room_, std::move(config), std::move(options));
    CHECK(opened.ok());
    store_ = std::move(*opened);
    store_->start({[this](const StoreReply& reply) { replies_.push_back(reply); },
                   [this](const Error& error) { ended = error; }});
  }

  bool run_until(const std::function<bool()>& condition, Duration at_most = seconds(30)) {
    const Instant end = port::steady_now() + at_most;
    while (!condition() && port::steady_now() < end) {
      poller_.poll(port::steady_now() + milliseconds(20));
    }
    return condition();
  }
  void run_for(Duration span) {
    run_until([] { return false; }, span);
  }
  // Whether /readyz comes to say that; empty: that nothing is wrong.
  bool comes_to_say(const std::string& why) {
    return run_until([&] {
      const std::string said = trouble();
      return why.empty() ? said.empty() : said.find(why) != std::string::npos;
    });
  }
  [[nodiscard]] std::string trouble() const { return store_->trouble(); }
  std::string metrics() { return metrics_.text(); }
  port::Poller& poller() { return poller_; }
  StorePort& store() { return *store_; }

  // Waits for its answer.
  StoreReply say(Call call) {
    replies_.clear();
    std::vector<StoreAsk> asks;
    asks.push_back({++calls_, std::move(call)});
    store_->perform(asks);
    run_until([&] { return !replies_.empty(); });
    return replies_.empty() ? StoreReply{} : replies_.front();
  }

  // Without waiting; what was answered since the last time.
  std::uint64_t post(Call call) {
    std::vector<StoreAsk> asks;
    asks.push_back({++calls_, std::move(call)});
    store_->perform(asks);
    return calls_;
  }
  std::vector<StoreReply> take_replies() { return std::exchange(replies_, {}); }

  std::optional<Error> ended;  // what a person must put right, or a new start

 private:
  Settings settings_;
  port::Poller poller_;
  port::Log log_{{"test", port::Level::kWarning, false}};
  stage::Metrics metrics_;
  stage::Room room_{settings_, poller_, log_, metrics_, 1, "1", ""};
  std::uint64_t calls_ = 0;
  std::vector<StoreReply> replies_;
  std::unique_ptr<StorePort> store_;
};

}  // namespace sluice::limiter
