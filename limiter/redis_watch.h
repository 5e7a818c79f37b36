// Looks after the servers that the store is on: at each connection, each few seconds, and each
// second while one is unfit. A connection is fit to be asked for grants once it has been looked at.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/port/redis_client.h"
#include "lib/stage/stage.h"
#include "limiter/redis_options.h"
#include "limiter/redis_twin.h"

namespace sluice::limiter {

class RedisWatch {
 public:
  // Ends the process: what a person must put right.
  using GiveUp = std::function<void(Error)>;

  RedisWatch(const stage::Room& room, const RedisOptions& options, GiveUp give_up);
  ~RedisWatch();
  RedisWatch(const RedisWatch&) = delete;
  RedisWatch& operator=(const RedisWatch&) = delete;

  // One key of each shard; where there is no cluster all are on one server.
  void start(port::RedisClient& client, std::vector<std::string> keys);
  void set_keys(std::vector<std::string> keys);
  // Something of its connections is new: looks at once.
  void look();

  // In a word, why nothing may be granted over this connection; empty: it is fit.
  [[nodiscard]] std::string_view refusal(std::uint64_t connection) const;
  [[nodiscard]] bool looked_at(std::uint64_t connection) const;
  // The first of them all, for people; empty: all are fit.
  [[nodiscard]] std::string trouble() const;

 private:
  struct Look {
    RedisFacts facts;
    Verdict verdict;
    bool done = false;
  };

  void again();
  void look_at(const std::string& key, std::uint64_t connection);
  void heard_info(const std::string& key, std::uint64_t connection, port::RedisAnswer& answer);
  void heard_config(const std::string& key, std::uint64_t connection,
                    const port::RedisAnswer& answer);
  [[nodiscard]] std::string life() const;
  void end_badly(const std::string& why);
  void tell_log();
  void count();
  void count_unfit(std::string_view why, std::ptrdiff_t servers);

  port::Poller& poller_;
  port::Log& log_;
  stage::Metrics& metrics_;
  RedisOptions options_;
  GiveUp give_up_;
  port::RedisClient* client_ = nullptr;
  std::vector<std::string> keys_;
  std::map<std::uint64_t, Look> looks_;        // by connection
  std::map<std::string, std::uint64_t> most_;  // replicas seen, by key
  RedisTwin twin_;
  std::string said_ = "-";  // the trouble that the log knows of
  port::TimerId timer_;
};

}  // namespace sluice::limiter
