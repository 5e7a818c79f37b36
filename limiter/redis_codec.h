// The store's script on Redis, as its caller sees it: a Call becomes a command (which script, keys,
// arguments), a reply becomes an Answer. Pure; who keeps connections is redis_store.
//
// One command is one EVALSHA on one shard and one atomic step. A call is nearly always one command.
// It is more when a script meets what only C++ can name (SHA-256): then hear() says kMore, and
// next() is to be said, on any connection of that shard. Every command can be said again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/port/redis_value.h"
#include "limiter/redis_scripts.h"
#include "limiter/script.h"
#include "limiter/store.h"

namespace sluice::limiter {

// What a connection knows.
struct RedisSaid {
  std::string life;    // that it learnt from the reply before; empty: it has not heard any
  bool fresh = false;  // a person said that a shard without a state is new (--fresh)
  std::uint64_t spans_version = 0;  // that the shard was heard to rule by; 0: whatever rules
};

struct RedisCommand {
  RedisScript script = RedisScript::kClock;
  std::vector<std::string> keys;  // all of one slot; the first is the shard's state
  std::vector<std::string> args;
};

enum class RedisHeard : std::uint8_t {
  kDone,     // answer(), now() and life() say what
  kMore,     // say next()
  kUntold,   // the shard has no limits, or rules by other spans: say SetLimits of the settings,
             // then next() again. Nothing was applied, as with all that follow
  kNoLife,   // INFO is forbidden or says no master_replid: the limiter must not go on (78)
  kFull,     // out of memory
  kSchema,   // a record of another schema: this limiter is too old, or much too new
  kDamaged,  // a record is damaged or of another type, or the arguments are: what() names it
  kFailed    // any other error of the server, also that it is loading or read-only
};

// One call of the store. `config` has what SetLimits says, and is needed for nothing else.
class RedisExchange {
 public:
  RedisExchange(const StoreConfig& config, Call call);

  [[nodiscard]] RedisCommand next(const RedisSaid& said) const;
  RedisHeard hear(const port::RedisValue& value);

  // When kDone.
  [[nodiscard]] const Answer& answer() const { return answer_; }
  [[nodiscard]] StoreTime now() const { return now_; }  // StoreReply.now
  [[nodiscard]] std::uint64_t limits_version() const { return limits_version_; }
  [[nodiscard]] std::uint64_t spans_version() const { return spans_version_; }
  // The server's life, for the connection that the reply came from; empty when it said none.
  [[nodiscard]] const std::string& life() const { return life_; }
  // The error in words, when there is one.
  [[nodiscard]] const std::string& what() const { return what_; }
  [[nodiscard]] const Call& call() const { return call_; }

 private:
  struct Reply;
  RedisHeard fail(const std::string& error);
  bool take(const port::RedisValue& value);
  bool take_grant(Reply& reply);
  bool take_complete(Reply& reply);
  bool take_peek(Reply& reply);
  bool take_acknowledged(Reply& reply);
  static Acknowledged acknowledged(Reply& reply);
  bool take_limits(Reply& reply);

  const StoreConfig* config_;
  Call call_;
  Answer answer_;
  StoreTime now_;
  std::string life_;
  std::string what_;
  std::uint64_t limits_version_ = 0;
  std::uint64_t spans_version_ = 0;
  // What is to be said beside the call itself: conflicts to settle (places of asks) ...
  std::vector<std::size_t> conflicts_;
  // ... and the shard's own lines to take out (their numbers).
  std::vector<std::uint64_t> own_lines_;
};

// The spans and limits of one upstream, as SetLimits carries them.
RedisCommand say_limits(const StoreConfig& config, const SetLimits& call, const RedisSaid& said);

// The meter alone: may one unit of each of these keys go, as far as limits are concerned? Changes
// nothing. Its reply is a string: for each key why not (u8, a wire::Wait; 1: it may) and until when
// (a double).
RedisCommand say_decide(const std::string& upstream, const std::vector<std::string>& keys,
                        const RedisSaid& said);

}  // namespace sluice::limiter
