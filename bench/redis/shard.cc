#include "bench/redis/shard.h"

#include <algorithm>
#include <chrono>

namespace sluice::limiter {

namespace {
const std::vector<Limit> kOnly = {
    Limit{"window", LimitScope::kKey, 10, seconds(60), 10, seconds(1)}};
}  // namespace

StoreConfig shard_config() {
  StoreConfig config;
  Upstream upstream;
  upstream.name = "up";
  upstream.limits = kOnly;
  config.upstreams = {upstream};
  return config;
}

std::string padded(std::size_t n, std::size_t size) {
  std::string text = std::to_string(n);
  text.insert(0, size - std::min(size, text.size()), '0');
  return text;
}

std::string key_of(std::size_t n) { return "up:user-" + padded(n, 6); }

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

std::vector<std::string> words_of(const RedisCommand& command) {
  std::vector<std::string> words{"EVALSHA", text_of(command.script).sha1,
                                 std::to_string(command.keys.size())};
  words.insert(words.end(), command.keys.begin(), command.keys.end());
  words.insert(words.end(), command.args.begin(), command.args.end());
  return words;
}

void Commands::add(const StoreConfig& settings, const RedisSaid& said, Messages messages) {
  Grant grant{caller(), {}};
  Complete complete{caller(), {}};
  Emptied emptied{"up", {}};
  for (std::size_t i = 0; i < messages.batch; ++i) {
    grant.asks.push_back(ask_of(messages.first + i, messages.keys));
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
  grants.push_back(words_of(RedisExchange(settings, grant).next(said)));
  completions.push_back(words_of(RedisExchange(settings, complete).next(said)));
  empties.push_back(words_of(RedisExchange(settings, emptied).next(said)));
}

}  // namespace sluice::limiter
