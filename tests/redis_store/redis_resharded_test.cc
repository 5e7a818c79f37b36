// A shard's slot moves from master to master while messages are asked for as fast as the store
// answers: what has moved is on a server of another life, which grants nothing before its closure
// is over, and no window is over.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "lib/port/redis_slots.h"
#include "tests/redis/redis_cluster.h"
#include "tests/redis_store/redis_store_world.h"

namespace sluice::limiter {
namespace {

constexpr const char* kShard = "{sluice:up}";
const std::uint16_t kSlot = port::redis_slot(kShard);
constexpr std::uint32_t kN = 3;
constexpr Duration kWindow = milliseconds(300);
constexpr Duration kOverlap = seconds(2);
constexpr int kKeys = 8;

// Closures of three seconds, longer than a move takes.
StoreConfig quick_config() {
  StoreConfig config = config_with();
  Upstream& upstream = config.upstreams[0];
  upstream.limits = {Limit{"window", LimitScope::kKey, kN, kWindow, kN, milliseconds(600)}};
  upstream.start_window = milliseconds(200);
  upstream.timeout = milliseconds(100);
  upstream.max_pause = upstream.unknown_hold = {};
  config.store_overlap = kOverlap;
  return config;
}

// Keys with one message each at a time, which is delivered as soon as it is granted.
class Load {
 public:
  Load(RedisStoreWorld& world, const StoreConfig& config)
      : world_(world), version_(limits_version("up", config.upstreams[0].limits)) {
    for (int k = 0; k < kKeys; ++k) ask(k);
  }
  void run(Duration span) {
    const Instant end = port::steady_now() + span;
    while (port::steady_now() < end) {
      world_.poller().poll(port::steady_now() + milliseconds(1));
      for (const StoreReply& reply : world_.take_replies()) hear(reply);
    }
  }
  // When they were granted, by key.
  [[nodiscard]] const std::map<int, std::vector<StoreTime>>& granted() const { return granted_; }
  [[nodiscard]] std::size_t grants() const { return grants_; }
  [[nodiscard]] std::size_t closures() const { return closures_; }
  [[nodiscard]] std::size_t failures() const { return failures_; }

 private:
  struct Under {
    int key = 0;
    std::optional<Completion> completion;  // none: it is asked for
  };
  [[nodiscard]] Caller caller() const {
    const StoreTime now = port::wall_now();
    return {1, {now - milliseconds(50), now + milliseconds(50)}, now + seconds(2), version_};
  }
  void ask(int key) {
    GrantAsk ask;
    ask.line.source = "embedded";
    ask.line.key = "up:" + std::to_string(key);
    ask.line.id = std::to_string(key) + "-" + std::to_string(numbers_[key]);
    ask.line.identity = ask.line.id + std::string(16 - ask.line.id.size(), 'm');
    ask.line.content_hash = std::string(32, 'h');
    ask.line.upstream = "up";
    ask.line.path = "/";
    ask.line.method = "POST";
    ask.first_seen = port::wall_now();
    ask.dispatcher_life = 7;
    identities_[key] = ask.line.identity;
    under_[world_.post(Grant{caller(), {ask}})] = {key, std::nullopt};
  }
  void complete(int key, const Completion& completion) {
    under_[world_.post(Complete{caller(), {completion}})] = {key, completion};
  }
  void hear(const StoreReply& reply) {
    const auto found = under_.extract(reply.call_id);
    const auto& [key, completion] = found.mapped();
    if (completion) {
      if (std::holds_alternative<CompleteReply>(reply.answer)) return ask(key);
      ++failures_;
      return complete(key, *completion);
    }
    const auto* granted = std::get_if<GrantReply>(&reply.answer);
    if (granted == nullptr) {
      ++failures_;
      return ask(key);
    }
    const GrantAnswer& answer = granted->answers.at(0);
    if (answer.granted != Granted::kYes) {
      if (answer.why == wire::Wait::kClosure) ++closures_;
      if (answer.granted != Granted::kWait) ++numbers_[key];
      return ask(key);
    }
    deliver(key, answer);
  }
  void deliver(int key, const GrantAnswer& answer) {
    ++grants_;
    granted_[key].push_back(answer.granted_at);
    Completion completion;
    completion.outcome.attempt = {identities_[key], answer.serial};
    completion.outcome.upstream = "up";
    completion.outcome.key = "up:" + std::to_string(key);
    completion.outcome.ended = wire::Ended::kDelivered;
    completion.outcome.status = 200;
    ++numbers_[key];
    complete(key, completion);
  }

  RedisStoreWorld& world_;
  std::uint64_t version_;
  std::map<std::uint64_t, Under> under_;
  std::map<int, int> numbers_;
  std::map<int, std::string> identities_;
  std::map<int, std::vector<StoreTime>> granted_;
  std::size_t grants_ = 0, closures_ = 0, failures_ = 0;
};

class RedisResharded : public testing::Test {
 protected:
  RedisResharded() {
    RedisOptions options = options_for(cluster_.url((home_ + 1) % 3));
    options.client.cluster = true;
    options.client.call_timeout = seconds(2);
    options.fresh = true;  // so that only the moves close it
    world_.open(options, config_);
    EXPECT_TRUE(world_.comes_to_say("")) << world_.trouble();
  }
  port::RedisValue say(std::size_t node, const std::vector<std::string>& words) {
    return cluster_.node(node).command(words);
  }
  StoreTime time_of(std::size_t node) {
    const port::RedisValue time = say(node, {"TIME"});
    return StoreTime{std::stoll(time.items.at(0).text) * 1'000'000 +
                     std::stoll(time.items.at(1).text)};
  }
  // Key by key, with the shard's state amid the others. When that had gone.
  StoreTime move(std::size_t from, std::size_t to, Load& load) {
    const std::string slot = std::to_string(kSlot), port = std::to_string(cluster_.node(to).port());
    EXPECT_EQ(say(to, {"CLUSTER", "SETSLOT", slot, "IMPORTING", cluster_.id(from)}).text, "OK");
    EXPECT_EQ(say(from, {"CLUSTER", "SETSLOT", slot, "MIGRATING", cluster_.id(to)}).text, "OK");
    StoreTime gone;
    for (;;) {
      const auto left = say(from, {"CLUSTER", "GETKEYSINSLOT", slot, "10"});
      if (left.items.empty()) break;
      for (const auto& key : left.items) {
        say(from, {"MIGRATE", "127.0.0.1", port, key.text, "0", "5000"});
        if (key.text == kShard) gone = time_of(from);
      }
      load.run(milliseconds(1));
    }
    for (const std::size_t node : {to, from, 3 - to - from}) {
      EXPECT_EQ(say(node, {"CLUSTER", "SETSLOT", slot, "NODE", cluster_.id(to)}).text, "OK");
    }
    return gone;
  }

  StoreConfig config_ = quick_config();
  RedisCluster cluster_{RedisCluster::Options{.masters = 3}};
  std::size_t home_ = cluster_.first_owner(kSlot);
  RedisStoreWorld world_;
};

// Of all answers each comes soon after its grant: when it was granted is when it arrived.
std::size_t fullest(const std::vector<StoreTime>& times) {
  std::size_t from = 0, most = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    while (times[i] - times[from] > kWindow) ++from;
    most = std::max(most, i - from + 1);
  }
  return most;
}

TEST_F(RedisResharded, under_load_again_and_again_is_never_over) {
  Load load(world_, config_);
  load.run(milliseconds(1'000));
  std::size_t from = home_;
  for (int move_no = 0; move_no < 2; ++move_no) {
    EXPECT_GT(load.grants(), 0u);
    const std::size_t to = (from + 1) % 3, before = load.grants(), closures = load.closures();
    const StoreTime gone = move(from, to, load);
    ASSERT_NE(gone, StoreTime{});
    for (int i = 0; i < 500 && load.closures() == closures; ++i) load.run(milliseconds(20));
    ASSERT_GT(load.closures(), closures) << "it does not close";
    for (int i = 0; i < 500 && load.grants() < before + 2 * kKeys; ++i) load.run(milliseconds(20));
    EXPECT_GE(load.grants(), before + 2 * kKeys) << "it does not open again";
    const Spans spans = spans_of(config_, config_.upstreams[0]);
    const StoreTime opens = gone + spans.arrival() + kOverlap + kWindow + milliseconds(600);
    for (const auto& [key, times] : load.granted()) {
      EXPECT_TRUE(std::none_of(times.begin(), times.end(), [&](StoreTime at) {
        return at > gone && at < opens;
      })) << "granted while it was closed";
    }
    from = to;
  }
  for (const auto& [key, times] : load.granted()) EXPECT_LE(fullest(times), kN) << key;
  EXPECT_GT(load.failures(), 0u) << "nobody asked while it moved";
}

}  // namespace
}  // namespace sluice::limiter
