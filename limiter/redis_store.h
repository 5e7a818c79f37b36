// The store on Redis: each call one script on its upstream's shard, all of a turn in one write, the
// answers when they come. Any number of limiters share it (design 4.4).
//
//   - What may have been executed is never sent again from here: StoreFailed, and the core says the
//     call again, with the same effect.
//   - A shard is told this limiter's settings before its first call, after SIGHUP, when its server
//     has another life, when it has no limits or rules by other spans, and now and then
//     (telling.h).
//   - Each call names the life that its connection has learnt, and none before that.
//   - No grant is asked for over a connection that RedisWatch has not found fit.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/port/redis_client.h"
#include "lib/stage/stage.h"
#include "limiter/redis_codec.h"
#include "limiter/redis_options.h"
#include "limiter/redis_watch.h"
#include "limiter/store_port.h"

namespace sluice::limiter {

class RedisStore final : public StorePort {
 public:
  // A server that is away is no error here: it is waited for.
  static Result<std::unique_ptr<StorePort>> open(const stage::Room& room, StoreConfig config,
                                                 RedisOptions options);
  RedisStore(const stage::Room& room, StoreConfig config, RedisOptions options);

  void start(Events events) override;
  void perform(std::vector<StoreAsk>& asks) override;
  void set_config(StoreConfig config, std::string by) override;
  [[nodiscard]] std::string trouble() const override;

 private:
  // A call under way.
  struct Said {
    std::uint64_t call_id = 0;  // 0: our own SetLimits
    RedisExchange exchange;
    Instant sent;
    std::uint64_t connection = 0;
    int times = 0;  // it is more than one command, or the shard had to be told the settings
  };

  // What is known of one upstream's shard.
  struct Shard {
    std::string key;  // of its state
    std::string life;
    Telling telling;
    bool is_told = false;     // just now: the answer has not come
    std::string differences;  // of these settings to what it rules by, as the log was told
  };

  Status connect();
  void up();
  [[nodiscard]] bool is_fresh(const std::string& upstream) const;
  void name_shards();
  [[nodiscard]] std::vector<std::string> keys() const;
  bool refuse(const StoreAsk& ask);
  void tell(const std::string& upstream);
  void told(const Said& said);
  void hear_life(const Said& said);
  void say(std::uint64_t call_id, Call call);
  void send(std::uint64_t number);
  void heard(std::uint64_t number, port::RedisAnswer& answer);
  void done(std::uint64_t number);
  void failed(std::uint64_t number, std::string what, bool full);

  port::Poller& poller_;
  port::Log& log_;
  stage::Histogram& latency_;
  StoreConfig config_;
  std::string by_ = "settings";
  RedisOptions options_;
  Events events_;
  RedisWatch watch_;
  std::unique_ptr<port::RedisClient> client_;
  std::map<std::string, Shard> shards_;  // by upstream
  std::uint64_t last_number_ = 0;
  std::unordered_map<std::uint64_t, Said> said_;
  std::map<std::uint64_t, std::string> lives_;  // by connection
  std::set<std::string> fresh_;                 // upstreams whose shards may be new
  Instant fresh_until_ = Instant::never();
  std::vector<std::string_view> words_;  // of one command
};

}  // namespace sluice::limiter
