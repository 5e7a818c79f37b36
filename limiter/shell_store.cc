#include "limiter/shell_store.h"

#include <utility>

#include "lib/aws/secrets.h"
#include "lib/stage/upstreams.h"
#include "limiter/redis_store.h"
#include "limiter/shell_embedded.h"

namespace sluice::limiter {

StoreConfig store_config(const Settings& settings, const Config& config) {
  StoreConfig store;
  store.instance = settings.stage.text("instance");
  store.upstreams = config.upstreams;
  store.clock_error_max = settings.stage.duration("clock_error_max");
  store.store_overlap = settings.stage.duration("store_overlap");
  store.close_max = settings.scaled(store.close_max);
  store.record_min = settings.stage.duration("record_min");
  return store;
}

Result<Config> config_of(const Settings& settings) {
  auto upstreams = stage::read_upstreams(settings);
  if (!upstreams) return upstreams.error();
  Config config = read_config(settings.stage);
  config.upstreams = std::move(*upstreams);
  config.clock_error_max = settings.stage.duration("clock_error_max");
  config.guard_min = config.clock_error_max * 2 + milliseconds(1);
  return config;
}

namespace {

// Whoever has the options, or a copy of them, has what reads their secret.
Status read_password_by_reference(const stage::Room& room, port::RedisConfig& client) {
  std::vector<aws::NamedSecret> named;
  aws::name_secrets(room.settings.stage, {"redis_password"}, {}, named);
  auto opened = aws::Secrets::open(room.poller, room.log, room.settings, named);
  if (!opened) return opened.error();
  const std::shared_ptr<aws::Secrets> secrets = std::move(*opened);
  client.read_secret = [secrets](const std::string& reference) { return secrets->read(reference); };
  client.secret_refused = [secrets](const std::string& reference) { secrets->refused(reference); };
  return Done{};
}

}  // namespace

bool on_redis(const Settings& settings) { return settings.stage.text("store") == "redis"; }

Result<std::unique_ptr<StorePort>> open_store(const stage::Room& room, StoreConfig config,
                                              Speaks speaks) {
  if (!on_redis(room.settings)) return EmbeddedStore::open(room, std::move(config));
  auto options = read_redis_options(room.settings);
  if (!options) return options.error();
  options->says_limits = speaks == Speaks::kLimits;
  if (auto done = read_password_by_reference(room, options->client); !done) return done.error();
  return RedisStore::open(room, std::move(config), std::move(*options));
}

}  // namespace sluice::limiter
