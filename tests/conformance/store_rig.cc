#include "tests/conformance/store_rig.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "lib/base/check.h"
#include "limiter/memory_store.h"
#include "limiter/sqlite_store.h"
#include "tests/conformance/redis_client_rig.h"

namespace sluice::limiter {

namespace {

class MemoryRig final : public StoreRig {
 public:
  explicit MemoryRig(const StoreConfig& config) : config_(config), store_(config) {}
  std::vector<StoreReply> say(const std::vector<StoreAsk>& asks, StoreTime clock) override {
    std::vector<StoreReply> replies;
    for (const StoreAsk& ask : asks) replies.push_back(store_.perform(ask, clock));
    return replies;
  }
  void restart(StoreTime) override {}
  void start_with(const StoreConfig& config, StoreTime) override {
    config_ = config;
    store_.set_config(config);
  }
  void speak_as(const StoreConfig& config, StoreTime) override {
    others_.push_back(std::exchange(config_, config));
    store_.speak_as(config);
  }
  void come_back_forgetting(StoreTime) override {
    store_.become("life " + std::to_string(++lives_));
    for (const StoreConfig& one : others_) store_.set_config(one);  // all limiters start anew
    store_.set_config(config_);
  }

  void put_back(StoreTime clock) override {
    MemoryStore older = std::exchange(backup_, store_);
    store_ = std::move(older);
    come_back_forgetting(clock);
  }

 private:
  StoreConfig config_;
  std::vector<StoreConfig> others_;
  MemoryStore store_;
  MemoryStore backup_ = store_;
  int lives_ = 1;
};

// SQLite in a directory of its own. Its steady clock is the case's clock: both stand for the
// store's.
class SqliteRig final : public StoreRig {
 public:
  SqliteRig(const StoreConfig& config, StoreTime clock) : config_(config) {
    char name[64] = "/dev/shm/sluice-store-XXXXXX";  // memory, where there is some: fsync is slow
    if (access("/dev/shm", W_OK) != 0) std::strcpy(name, "/tmp/sluice-store-XXXXXX");
    if (mkdtemp(name) == nullptr) std::abort();
    directory_ = name;
    open(clock);
  }
  ~SqliteRig() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  std::vector<StoreReply> say(const std::vector<StoreAsk>& asks, StoreTime clock) override {
    return store_->perform(asks, reading(clock));
  }
  void restart(StoreTime clock) override {
    store_.reset();
    open(clock);
  }
  void start_with(const StoreConfig& config, StoreTime clock) override {
    config_ = config;
    restart(clock);
  }
  void come_back_forgetting(StoreTime clock) override {
    store_.reset();
    std::filesystem::remove(directory_ + "/store.life");
    open(clock);
  }

  // Only the database is put back; store.life knows better. What is kept aside is the database as
  // a limiter left it that had been closed in good order.
  void put_back(StoreTime clock) override {
    const std::string file = directory_ + "/store.db", aside = directory_ + "/aside.db";
    store_.reset();
    const bool first = !std::filesystem::exists(aside);
    std::filesystem::rename(file, directory_ + "/now.db");
    if (!first) std::filesystem::rename(aside, file);
    std::filesystem::rename(directory_ + "/now.db", aside);
    open(clock);
    EXPECT_NE(store_->closed_because(), "");
  }

 private:
  static Reading reading(StoreTime clock) { return {clock, Instant{(clock - kStart).us}}; }
  void open(StoreTime clock) {
    auto opened = SqliteStore::open({directory_, config_, "boot"}, reading(clock));
    if (!opened) std::fprintf(stderr, "%s\n", opened.error().what.c_str());
    CHECK(opened.ok());
    store_ = std::make_unique<SqliteStore>(std::move(*opened));
  }

  StoreConfig config_;
  std::string directory_;
  std::unique_ptr<SqliteStore> store_;
};

}  // namespace

std::vector<StoreKind> store_kinds() {
  return {{"memory",
           [](const StoreConfig& config, StoreTime) -> std::unique_ptr<StoreRig> {
             return std::make_unique<MemoryRig>(config);
           }},
          {"sqlite",
           [](const StoreConfig& config, StoreTime clock) -> std::unique_ptr<StoreRig> {
             return std::make_unique<SqliteRig>(config, clock);
           }},
          redis_kind()};
}

std::vector<StoreKind> all_store_kinds() {
  std::vector<StoreKind> kinds = store_kinds();
  kinds.push_back({"redis_cluster", make_cluster_rig});
  kinds.push_back({"redis_tls", make_tls_rig});
  return kinds;
}

StoreKind redis_kind() {
  return {"redis", [](const StoreConfig& config, StoreTime clock) -> std::unique_ptr<StoreRig> {
            return std::make_unique<RedisRig>(config, clock);
          }};
}

std::vector<StoreKind> shared_kinds() { return {store_kinds().front(), redis_kind()}; }

StoreConfig config_of(std::vector<Limit> limits) {
  StoreConfig config;
  Upstream upstream;
  upstream.name = "up";
  upstream.limits = std::move(limits);
  upstream.in_flight_per_key = 100;
  config.upstreams = {upstream};
  return config;
}

GrantAsk ask_of(int n, const std::string& key) {
  GrantAsk ask;
  ask.line.source = "embedded";
  ask.line.key = key;
  ask.line.id = "message-" + std::to_string(n);
  ask.line.identity = identity_of(n);
  ask.line.content_hash = std::string(32, 'h');
  ask.line.upstream = "up";
  ask.line.path = "/";
  ask.line.method = "POST";
  ask.first_seen = kStart;
  ask.expires_at = kStart + hours(96);
  ask.dispatcher_life = 7;
  return ask;
}

Completion completion_of(int n, std::uint32_t serial, wire::Ended ended, Duration retry_after) {
  Completion completion;
  completion.outcome.attempt = {identity_of(n), serial};
  completion.outcome.upstream = "up";
  completion.outcome.key = "up:user";
  completion.outcome.ended = ended;
  completion.outcome.status = ended == wire::Ended::kDelivered ? 200 : 500;
  completion.consequence.retry_after = retry_after;
  return completion;
}

Caller Teller::caller() const {
  return {life_,
          {now - milliseconds(1), now + milliseconds(1)},
          now + seconds(2),
          rig_->limits_version};
}

StoreReply Teller::say(Call call) {
  const std::uint64_t id = ++calls_;
  const auto replies = rig_->say({{id, std::move(call)}}, now + skew);
  EXPECT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies.front().call_id, id);
  return replies.front();
}

std::vector<GrantAnswer> Teller::grant(std::vector<GrantAsk> asks) {
  const std::size_t count = asks.size();
  const StoreReply reply = say(Grant{caller(), std::move(asks)});
  const auto* granted = std::get_if<GrantReply>(&reply.answer);
  EXPECT_NE(granted, nullptr);
  if (granted == nullptr || granted->answers.size() != count)
    return std::vector<GrantAnswer>(count);
  return granted->answers;
}

GrantAnswer Teller::grant(const GrantAsk& ask) { return grant(std::vector<GrantAsk>{ask}).front(); }

CompleteAnswer Teller::complete(const Completion& completion) {
  const StoreReply reply = say(Complete{caller(), {completion}});
  const auto* completed = std::get_if<CompleteReply>(&reply.answer);
  EXPECT_NE(completed, nullptr);
  if (completed == nullptr || completed->answers.size() != 1) return {};
  return completed->answers.front();
}

CompleteAnswer Teller::complete(int n, std::uint32_t serial, wire::Ended ended,
                                Duration retry_after) {
  return complete(completion_of(n, serial, ended, retry_after));
}

KeyState Teller::peek(const std::string& key) {
  const StoreReply reply = say(Peek{"up", {key}});
  const auto* peeked = std::get_if<PeekReply>(&reply.answer);
  EXPECT_NE(peeked, nullptr);
  return peeked == nullptr || peeked->keys.size() != 1 ? KeyState{} : peeked->keys.front();
}

}  // namespace sluice::limiter
