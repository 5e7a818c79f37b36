#include "limiter/redis_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "lib/port/clock.h"
#include "lib/port/random.h"

namespace sluice::limiter {

namespace {

// When whoever is refused may ask again.
constexpr Duration kRefusedFor = seconds(1);
constexpr Duration kLookedWithin = milliseconds(50);
constexpr int kTimesMax = 16;
// After the first answer of any shard: of a cluster, the other masters are connected by then.
constexpr Duration kFreshFor = minutes(1);

std::vector<std::vector<std::string>> load_scripts() {
  std::vector<std::vector<std::string>> commands;
  for (const RedisScriptText& script : kRedisScriptTexts) {
    commands.push_back({"SCRIPT", "LOAD", script.text});
  }
  return commands;
}

}  // namespace

Result<std::unique_ptr<StorePort>> RedisStore::open(const stage::Room& room, StoreConfig config,
                                                    RedisOptions options) {
  auto store = std::make_unique<RedisStore>(room, std::move(config), std::move(options));
  if (auto connected = store->connect(); !connected) {
    return Error{connected.error().code, "the store: " + connected.error().what};
  }
  return std::unique_ptr<StorePort>(std::move(store));
}

RedisStore::RedisStore(const stage::Room& room, StoreConfig config, RedisOptions options)
    : poller_(room.poller),
      log_(room.log),
      latency_(room.metrics.histogram("sluice_limiter_store_seconds",
                                      "One call of the store, there and back.")),
      config_(std::move(config)),
      options_(std::move(options)),
      watch_(room, options_, [this](Error error) { events_.give_up(std::move(error)); }) {
  name_shards();
  if (!options_.fresh) return;
  for (const Upstream& upstream : config_.upstreams) fresh_.insert(upstream.name);
}

Status RedisStore::connect() {
  port::RedisConfig config = options_.client;
  config.preamble = load_scripts();
  config.seed = port::random_id();
  auto client =
      port::RedisClient::open(poller_, log_, std::move(config), [this](std::uint64_t) { up(); });
  if (!client) return client.error();
  client_ = std::move(*client);
  return Done{};
}

void RedisStore::start(Events events) {
  events_ = std::move(events);
  watch_.start(*client_, keys());
}

void RedisStore::up() {
  watch_.look();
  std::set<std::uint64_t> now;
  for (const std::string& key : keys()) now.insert(client_->connection(key));
  std::erase_if(lives_, [&](const auto& known) { return !now.contains(known.first); });
}

void RedisStore::name_shards() {
  for (const Upstream& upstream : config_.upstreams) {
    Shard& shard = shards_[upstream.name];
    shard.key = say_limits(config_, {upstream.name, by_}, {}).keys.front();
    shard.telling = {};
    shard.is_told = false;
  }
}

// One of each server that is known to be another.
std::vector<std::string> RedisStore::keys() const {
  std::vector<std::string> found;
  for (const auto& [upstream, shard] : shards_) {
    found.push_back(shard.key);
    if (!options_.client.cluster) break;
  }
  return found;
}

std::string RedisStore::trouble() const {
  const std::string connecting = client_->trouble();
  return connecting.empty() ? watch_.trouble() : connecting;
}

void RedisStore::set_config(StoreConfig config, std::string by) {
  config_ = std::move(config);
  by_ = std::move(by);
  name_shards();
  watch_.set_keys(keys());
  for (const Upstream& upstream : config_.upstreams) tell(upstream.name);
}

void RedisStore::perform(std::vector<StoreAsk>& asks) {
  for (StoreAsk& ask : asks) {
    const std::string& name = upstream_of(ask.call);
    if (find_upstream(config_, name) == nullptr) {
      StoreReply reply;
      reply.call_id = ask.call_id;
      reply.answer = StoreFailed{"no such upstream in the settings: " + name};
      events_.answered(reply);
    } else if (!refuse(ask)) {
      tell(name);
      say(ask.call_id, std::move(ask.call));
    }
  }
}

// A server that is not fit grants nothing; all else is still written there.
bool RedisStore::refuse(const StoreAsk& ask) {
  const auto* grant = std::get_if<Grant>(&ask.call);
  if (grant == nullptr) return false;
  const std::uint64_t connection = client_->connection(shards_.at(upstream_of(ask.call)).key);
  const std::string_view why = watch_.refusal(connection);
  if (connection == 0 || why.empty()) return false;
  watch_.wanted(connection);
  GrantAnswer no;
  no.why = wire::Wait::kStoreDown;
  no.limit = why;
  const Duration wait = watch_.looked_at(connection) ? kRefusedFor : kLookedWithin;
  no.until = grant->caller.bounds.high + wait;
  GrantReply reply;
  reply.answers.assign(grant->asks.size(), no);
  const Instant now = port::steady_now();
  events_.answered({ask.call_id, std::move(reply), StoreTime{}, now, now});
  return true;
}

// What a person said at the start is true of what was there then, and not for long.
bool RedisStore::is_fresh(const std::string& upstream) const {
  return fresh_.contains(upstream) && port::steady_now() < fresh_until_;
}

void RedisStore::tell(const std::string& upstream) {
  Shard& shard = shards_.at(upstream);
  if (!options_.says_limits || shard.is_told || !shard.telling.due(port::steady_now().us)) return;
  shard.is_told = true;
  say(0, SetLimits{upstream, by_, {}, 0, 0, {}, shard.telling.told()});
}

void RedisStore::told(const Said& said) {
  const std::string& upstream = upstream_of(said.exchange.call());
  Shard& shard = shards_.at(upstream);
  shard.is_told = false;
  shard.life = said.exchange.life();
  shard.telling.heard(said.exchange.spans_version(), port::steady_now().us);
  const Upstream* settings = find_upstream(config_, upstream);
  if (settings == nullptr) return;
  const auto& reply = std::get<LimitsReply>(said.exchange.answer());
  std::string found = differences(spans_of(config_, *settings), reply.spans);
  if (found == shard.differences) return;
  shard.differences = std::move(found);
  if (shard.differences.empty()) {
    log_.info("the shard rules by these settings again", {{"upstream", upstream}});
  } else {
    log_.warning(
        "the shard rules by other settings than these: limiters differ, or they did lately",
        {{"upstream", upstream}, {"settings", shard.differences}});
  }
}

// A server with another life may have forgotten what it was told, also of shards that nobody asks
// anything of just now.
void RedisStore::hear_life(const Said& said) {
  const std::string& life = said.exchange.life();
  if (life.empty() || std::exchange(lives_[said.connection], life) == life) return;
  for (auto& [upstream, shard] : shards_) {
    if (shard.life.empty() || shard.life == life) continue;
    if (client_->connection(shard.key) != said.connection) continue;
    shard.telling.tell_again();
    tell(upstream);
  }
}

void RedisStore::say(std::uint64_t call_id, Call call) {
  const std::uint64_t number = ++last_number_;
  said_.emplace(number, Said{call_id, RedisExchange(config_, std::move(call)), {}, 0, 0});
  send(number);
}

void RedisStore::send(std::uint64_t number) {
  Said& said = said_.at(number);
  const std::string& upstream = upstream_of(said.exchange.call());
  RedisSaid known;
  const Shard& shard = shards_.at(upstream);
  known.fresh = is_fresh(upstream);
  // What follows the settings on one connection need not wait for what they made of the spans.
  known.spans_version = shard.is_told ? 0 : shard.telling.spans_version();
  said.connection = client_->connection(shard.key);
  if (const auto life = lives_.find(said.connection); life != lives_.end()) {
    known.life = life->second;
  }
  const RedisCommand command = said.exchange.next(known);
  const std::string count = std::to_string(command.keys.size());
  words_.assign({"EVALSHA", text_of(command.script).sha1, count});
  words_.insert(words_.end(), command.keys.begin(), command.keys.end());
  words_.insert(words_.end(), command.args.begin(), command.args.end());
  ++said.times;
  said.sent = port::steady_now();
  client_->command(words_, command.keys.front(),
                   [this, number](port::RedisAnswer& answer) { heard(number, answer); });
}

void RedisStore::heard(std::uint64_t number, port::RedisAnswer& answer) {
  Said& said = said_.at(number);
  if (answer.end != port::RedisAnswer::End::kAnswered) return failed(number, answer.why, false);
  const RedisHeard what = said.exchange.hear(answer.value);
  hear_life(said);
  const std::string upstream = upstream_of(said.exchange.call());
  switch (what) {
    case RedisHeard::kDone:
      return done(number);
    case RedisHeard::kUntold:
      if (said.times >= kTimesMax || !options_.says_limits) {
        return failed(number, said.exchange.what(), false);
      }
      shards_.at(upstream).telling.tell_again();
      tell(upstream);
      return send(number);
    case RedisHeard::kMore:
      if (said.times >= kTimesMax) return failed(number, "one call takes too many steps", false);
      return send(number);
    case RedisHeard::kNoLife:
      events_.give_up({Trouble::kSettings, "the store: " + said.exchange.what()});
      break;
    case RedisHeard::kFull:
      return failed(number, said.exchange.what(), true);
    case RedisHeard::kSchema:
    case RedisHeard::kDamaged:
    case RedisHeard::kFailed:
      break;
  }
  failed(number, said.exchange.what(), false);
}

void RedisStore::done(std::uint64_t number) {
  const auto found = said_.extract(number);
  const Said& said = found.mapped();
  const Instant received = port::steady_now();
  latency_.observe(received - said.sent);
  if (said.call_id == 0) {
    fresh_.erase(upstream_of(said.exchange.call()));
    fresh_until_ = std::min(fresh_until_, received + kFreshFor);
    return told(said);
  }
  events_.answered({said.call_id, said.exchange.answer(), said.exchange.now(), said.sent, received,
                    said.exchange.limits_version(), port::wall_now()});
}

void RedisStore::failed(std::uint64_t number, std::string what, bool full) {
  const auto found = said_.extract(number);
  const Said& said = found.mapped();
  if (said.call_id == 0) {  // the next call tells it again
    Shard& shard = shards_.at(upstream_of(said.exchange.call()));
    shard.is_told = false;
    return shard.telling.tell_again();
  }
  events_.answered({said.call_id, StoreFailed{std::move(what), full}, StoreTime{}, said.sent,
                    port::steady_now()});
}

}  // namespace sluice::limiter
