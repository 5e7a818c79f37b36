#include "limiter/redis_watch.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace sluice::limiter {

namespace {

constexpr Duration kEvery = seconds(5);
constexpr Duration kEveryUnfit = seconds(1);

constexpr std::array<std::string_view, 1> kInfo = {"INFO"};
constexpr std::array<std::string_view, 6> kConfigGet = {"CONFIG",
                                                        "GET",
                                                        "maxmemory-policy",
                                                        "min-replicas-to-write",
                                                        "min-replicas-max-lag",
                                                        "cluster-node-timeout"};
constexpr std::string_view kUnlooked = "unlooked";
constexpr const char* kUnlookedText = "the store was not looked at yet";

bool is_forbidden(const port::RedisAnswer& answer) {
  return answer.end == port::RedisAnswer::End::kAnswered &&
         answer.value.kind == port::RedisValue::Kind::kError &&
         (answer.value.text.starts_with("NOPERM") ||
          answer.value.text.starts_with("ERR unknown command"));
}

}  // namespace

RedisWatch::RedisWatch(const stage::Room& room, const RedisOptions& options, GiveUp give_up)
    : poller_(room.poller),
      log_(room.log),
      metrics_(room.metrics),
      options_(options),
      give_up_(std::move(give_up)),
      twin_(room, options.client, {[this] { return life(); }, [this] { tell_log(); }, give_up_}) {}

RedisWatch::~RedisWatch() { poller_.cancel(timer_); }

void RedisWatch::start(port::RedisClient& client, std::vector<std::string> keys) {
  client_ = &client;
  keys_ = std::move(keys);
  metrics_.on_scrape([this] { count(); });
  again();
  twin_.start(keys_.front());
}

std::string RedisWatch::life() const {
  const auto at = looks_.find(client_->connection(keys_.front()));
  return at == looks_.end() || !at->second.done ? "" : at->second.facts.life;
}

void RedisWatch::set_keys(std::vector<std::string> keys) {
  keys_ = std::move(keys);
  look();
}

void RedisWatch::look() {
  std::set<std::uint64_t> seen;
  for (const std::string& key : keys_) {
    const std::uint64_t connection = client_->connection(key);
    if (connection != 0 && seen.insert(connection).second) look_at(key, connection);
  }
  std::erase_if(looks_, [&](const auto& look) { return !seen.contains(look.first); });
}

void RedisWatch::again() {
  look();
  timer_ = poller_.after(trouble().empty() ? kEvery : kEveryUnfit, [this] { again(); });
}

void RedisWatch::look_at(const std::string& key, std::uint64_t connection) {
  looks_.try_emplace(connection);
  client_->command(kInfo, key, [this, key, connection](port::RedisAnswer& answer) {
    heard_info(key, connection, answer);
  });
  client_->command(kConfigGet, key, [this, key, connection](port::RedisAnswer& answer) {
    heard_config(key, connection, answer);
  });
}

void RedisWatch::heard_info(const std::string& key, std::uint64_t connection,
                            port::RedisAnswer& answer) {
  if (is_forbidden(answer)) {
    return end_badly(
        "the store's server forbids INFO, and only it says that the server is another "
        "or was restarted: allow +info (" +
        answer.value.text + ")");
  }
  const auto at = looks_.find(connection);
  if (at == looks_.end() || answer.end != port::RedisAnswer::End::kAnswered ||
      answer.value.kind != port::RedisValue::Kind::kString) {
    return;
  }
  auto facts = read_info(answer.value.text);
  if (!facts) return end_badly("the store's INFO says no master_replid: it is no Redis server");
  at->second.facts = std::move(*facts);
  std::uint64_t& most = most_[key];
  most = std::max(most, at->second.facts.replicas);
}

// The second of the two answers.
void RedisWatch::heard_config(const std::string& key, std::uint64_t connection,
                              const port::RedisAnswer& answer) {
  const auto at = looks_.find(connection);
  if (at == looks_.end() || answer.end != port::RedisAnswer::End::kAnswered) return;
  if (at->second.facts.life.empty()) return;
  read_config_get(answer.value, at->second.facts);
  at->second.verdict = judge(options_.rules, at->second.facts, most_[key]);
  at->second.done = true;
  tell_log();
}

void RedisWatch::tell_log() {
  const std::string why = trouble();
  if (why == said_ || why == kUnlookedText) return;
  if (why.empty()) {
    log_.info("the store is fit to hold grants");
  } else {
    log_.error("nothing is granted on this store", {{"why", why}});
  }
  said_ = why;
}

void RedisWatch::end_badly(const std::string& why) { give_up_({Trouble::kSettings, why}); }

bool RedisWatch::looked_at(std::uint64_t connection) const {
  const auto at = looks_.find(connection);
  return twin_.doubt().empty() && at != looks_.end() && at->second.done;
}

std::string_view RedisWatch::refusal(std::uint64_t connection) const {
  if (!looked_at(connection)) return kUnlooked;
  return word_of(looks_.at(connection).verdict.unfit);
}

std::string RedisWatch::trouble() const {
  for (const std::string& key : keys_) {
    const std::uint64_t connection = client_->connection(key);
    if (connection == 0) continue;  // the client's own trouble
    if (!twin_.doubt().empty()) return twin_.doubt();
    if (!looked_at(connection)) return kUnlookedText;
    if (const std::string& why = looks_.at(connection).verdict.why; !why.empty()) return why;
  }
  return "";
}

void RedisWatch::count() {
  std::uint64_t bytes = 0;
  for (const auto& [connection, look] : looks_) bytes = std::max(bytes, look.facts.bytes);
  metrics_
      .gauge("sluice_limiter_store_bytes",
             "Memory that Redis uses; of several, the fullest server.")
      .set(static_cast<double>(bytes));
  for (const Unfit unfit : {Unfit::kEvicts, Unfit::kOverlap, Unfit::kFull}) {
    count_unfit(word_of(unfit), std::count_if(looks_.begin(), looks_.end(), [&](const auto& look) {
                  return look.second.verdict.unfit == unfit;
                }));
  }
  count_unfit(kUnlooked, std::count_if(looks_.begin(), looks_.end(),
                                       [&](const auto& look) { return !looked_at(look.first); }));
}

void RedisWatch::count_unfit(std::string_view why, std::ptrdiff_t servers) {
  metrics_
      .gauge("sluice_limiter_store_unfit", "Servers on which nothing is granted, by why.",
             {{"why", std::string(why)}})
      .set(static_cast<double>(servers));
}

}  // namespace sluice::limiter
