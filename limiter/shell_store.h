// The store that the settings name, opened: for the process, and for verbs that speak to it.
#pragma once

#include <cstdint>
#include <memory>

#include "lib/stage/stage.h"
#include "limiter/config.h"
#include "limiter/store_port.h"

namespace sluice::limiter {

// kSettings, with file and line.
Result<Config> config_of(const Settings& settings);
StoreConfig store_config(const Settings& settings, const Config& config);
bool on_redis(const Settings& settings);

// Whether Redis is told the settings' limits before the first call. The embedded store always is.
enum class Speaks : std::uint8_t { kLimits, kNothing };
Result<std::unique_ptr<StorePort>> open_store(const stage::Room& room, StoreConfig config,
                                              Speaks speaks);

}  // namespace sluice::limiter
