// A second connection to the store, now and then: does it reach the server that the first one
// reaches? What spreads connections over several servers would let each limiter count for itself.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lib/port/log.h"
#include "lib/port/redis_client.h"
#include "lib/stage/stage.h"
#include "limiter/redis_options.h"

namespace sluice::limiter {

class RedisTwin {
 public:
  struct Hooks {
    std::function<void()> look;     // over the first connection: looked() is what it finds
    std::function<void()> changed;  // doubt() did
    std::function<void(Error)> give_up;
  };

  RedisTwin(const stage::Room& room, const RedisOptions& options, Hooks hooks);
  ~RedisTwin();
  RedisTwin(const RedisTwin&) = delete;
  RedisTwin& operator=(const RedisTwin&) = delete;

  // A key of the shard to ask; again when it is to be another.
  void start(std::string key);
  void looked(const RedisFacts& first);

  // Why the first connection is not to be relied on; empty: it is.
  [[nodiscard]] const std::string& doubt() const { return doubt_; }

 private:
  void open();
  void ask();
  void heard(const port::RedisAnswer& answer);
  void again(Duration wait);
  void set_doubt(std::string doubt);

  port::Poller& poller_;
  port::Log quiet_;
  port::RedisConfig config_;
  Hooks hooks_;
  Duration every_;
  std::string key_;
  std::unique_ptr<port::RedisClient> client_;
  port::TimerId timer_;
  std::optional<RedisFacts> second_;  // until the first connection was looked at, too
  std::string doubt_ = "the store was not looked at yet";
  bool settled_ = false;  // they agreed once
  int agreed_ = 0;        // times in a row
  int differed_ = 0;      // since they agreed for sure
};

}  // namespace sluice::limiter
