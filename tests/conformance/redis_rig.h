// The store's scripts on a real redis-server whose clock is the case's. One server serves all rigs
// of the test program, one after the other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "limiter/redis_codec.h"
#include "tests/conformance/store_rig.h"
#include "tests/redis/redis_server.h"

namespace sluice::limiter {

class RedisRig : public StoreRig {
 public:
  RedisRig(const StoreConfig& config, StoreTime clock);
  std::vector<StoreReply> say(const std::vector<StoreAsk>& asks, StoreTime clock) override;
  void restart(StoreTime) override { said_.life.clear(); }
  void start_with(const StoreConfig& config, StoreTime clock) override;
  void speak_as(const StoreConfig& config, StoreTime) override { config_ = config; }
  // A promotion: the same data, another master_replid.
  void come_back_forgetting(StoreTime clock) override;
  void put_back(StoreTime clock) override;

  static RedisServer& server();
  // Where the shard is now.
  virtual RedisServer& at() { return server(); }
  // What a command of a call was answered; scripts are loaded when they are not there.
  virtual port::RedisValue evaluate(const RedisCommand& command);
  // Says a call until it is answered, setting the limits first where they are unknown.
  RedisHeard exchange(RedisExchange& exchange, StoreTime clock);

  struct Kept {
    std::string value;
    std::int64_t expires_ms = -1;
    friend bool operator==(const Kept&, const Kept&) = default;
  };
  // Everything that the server has, by name.
  using Keeping = std::map<std::string, Kept>;
  static Keeping keep(RedisServer& from = server());

 protected:
  // Without a server of its own: begin() once it is there.
  explicit RedisRig(const StoreConfig& config, bool fresh = true);
  void begin(StoreTime clock);
  virtual void set_clock(StoreTime clock) { at().set_clock(clock.us); }
  // Another server takes over, with the same data, or the same one begins another life.
  virtual void promote();

 private:
  void tell(const std::string& upstream, StoreTime clock);
  void put(const Keeping& keeping);

  StoreConfig config_;
  RedisSaid said_;
  std::map<std::string, Telling> tellings_;  // by limiter
  Keeping backup_;
};

}  // namespace sluice::limiter
