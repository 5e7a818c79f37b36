// What [limiter] says of a store on Redis, checked.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/base/settings.h"
#include "lib/port/redis_config.h"
#include "limiter/redis_checks.h"

namespace sluice::limiter {

struct RedisOptions {
  port::RedisConfig client;
  RedisRules rules;
  bool fresh = false;       // a shard without a life is new, not forgotten
  bool says_limits = true;  // the settings', to each shard, before the first call
};

// kSettings, with file and line.
Result<RedisOptions> read_redis_options(const Settings& settings);

}  // namespace sluice::limiter
