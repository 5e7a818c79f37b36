// The shard that the benches of the store's scripts ask: one upstream, 10 per 60 s and key.
#pragma once

#include <string>
#include <vector>

#include "limiter/redis_codec.h"

namespace sluice::limiter {

StoreConfig shard_config();

// `n` with zeros before it.
std::string padded(std::size_t n, std::size_t size);
std::string key_of(std::size_t n);

// Its bounds are wide enough for what is made beforehand.
Caller caller();
GrantAsk ask_of(std::size_t n, std::size_t keys);

// EVALSHA of it.
std::vector<std::string> words_of(const RedisCommand& command);

// The commands of so many messages, `first` and those after it, each of the next of so many keys.
struct Messages {
  std::size_t first = 0, batch = 1, keys = 1;
};
struct Commands {
  std::vector<std::vector<std::string>> grants, completions, empties;
  void add(const StoreConfig& settings, const RedisSaid& said, Messages messages);
};

}  // namespace sluice::limiter
