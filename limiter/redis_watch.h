// Looks after the servers that the store is on: at each connection, each few seconds, and each
// second while one is unfit. A connection is fit to be asked for grants once it has been looked at.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/port/redis_client.h"
#include "lib/stage/stage.h"
#include "limiter/redis_options.h"
#include "limiter/redis_twin.h"

namespace sluice::limiter {

// Why nothing is granted over a connection that was not looked at yet, or that another one
// contradicts.
inline constexpr std::string_view kUnlooked = "unlooked";

class RedisWatch {
 public:
  // Ends the process: what a person must put right.
  using GiveUp = std::function<void(Error)>;

  RedisWatch(const stage::Room& room, const RedisOptions& options, GiveUp give_up);
  ~RedisWatch();
  RedisWatch(const RedisWatch&) = delete;
  RedisWatch& operator=(const RedisWatch&) = delete;

  // The state's key of each shard; where there is no cluster, of one: all are on one server.
  void start(port::RedisClient& client, std::vector<std::string> keys);
  void set_keys(std::vector<std::string> keys);
  // Something of its connections is new: looks at once.
  void look();
  // Grants are asked for over this connection: it is looked at, if it never was.
  void wanted(std::uint64_t connection);

  // In a word, why nothing may be granted over this connection; empty: it is fit.
  [[nodiscard]] std::string_view refusal(std::uint64_t connection) const;
  [[nodiscard]] bool looked_at(std::uint64_t connection) const;
  // The first of them all, for people; empty: all are fit.
  [[nodiscard]] std::string trouble() const;

 private:
  // What was found over one connection. `heard` is being asked for; `facts` were judged last.
  struct Look {
    RedisFacts heard;
    bool whole = false;  // nothing that was asked for was lost
    bool under_way = false;
    RedisFacts facts;
    Verdict verdict;
    bool done = false;
  };
  // One question of a look: what is done with its answer.
  using Hear = void (RedisWatch::*)(Look& look, port::RedisAnswer& answer);
  struct Question {
    std::vector<std::string> words;
    std::string key;
    Hear hear;
  };

  void again();
  [[nodiscard]] std::vector<Question> questions(const std::vector<std::string>& keys) const;
  void look_at(std::uint64_t connection, const std::vector<std::string>& keys);
  void heard(std::uint64_t connection, const Question& question, port::RedisAnswer& answer);
  void hear_info(Look& look, port::RedisAnswer& answer);
  void hear_config(Look& look, port::RedisAnswer& answer);
  void hear_cluster(Look& look, port::RedisAnswer& answer);
  void hear_replicas(Look& look, port::RedisAnswer& answer);
  void judged(std::uint64_t connection);
  void end_badly(const std::string& why);
  void tell_of_evicted(std::uint64_t now, std::uint64_t before);
  void tell_log();
  void count();
  void count_unfit(std::string_view why, std::ptrdiff_t servers);
  void warn(const RedisFacts& facts);

  port::Poller& poller_;
  port::Log& log_;
  stage::Metrics& metrics_;
  RedisOptions options_;
  GiveUp give_up_;
  port::RedisClient* client_ = nullptr;
  std::vector<std::string> keys_;
  std::map<std::uint64_t, Look> looks_;  // by connection
  RedisTwin twin_;
  std::string said_ = "-";        // the trouble that the log knows of
  std::set<std::string> warned_;  // what else it knows of
  port::TimerId timer_;
};

}  // namespace sluice::limiter
