// A Redis client on the loop: one server, or a cluster's masters; one connection to each,
// pipelined. It knows nothing of what it carries. One thread.
//
// A call is sent once. It is sent again only where the server said that it did not execute it
// (NOSCRIPT, after the preamble; NOAUTH, after the login), on the same connection. Calls of one
// connection are sent in the order of command(), a turn's calls in one write.
//
// A server is lost when its connection breaks, when a call is not answered in time (later answers
// would be taken for it), or when it says READONLY, LOADING, MASTERDOWN or NOREPLICAS: then its
// name is resolved again and connected to with back-off, so a failover behind a DNS name is
// followed.
//
// Cluster: a call goes to the master of its key's slot. MOVED, ASK, TRYAGAIN and CLUSTERDOWN are
// "not executed", with the topology being asked for again. ASK is not followed: the slot's new
// master is another server with another life (design 4.4), and what a script needs may be on
// either; until the slot has moved there is no grant.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/port/log.h"
#include "lib/port/poller.h"
#include "lib/port/redis_config.h"

namespace sluice::port {

class RedisClient {
 public:
  // A connection is there, its login and preamble answered: its number, told once, before any
  // command is sent on it. Called from poll(); may call command().
  using Up = std::function<void(std::uint64_t connection)>;

  // kSettings: what is wrong in the configuration. A server that is away is none: it is tried
  // again. `log` and `poller` outlive the client.
  static Result<std::unique_ptr<RedisClient>> open(Poller& poller, Log& log, RedisConfig config,
                                                   Up up);
  // Not from a handler of its own. Calls under way end without a word.
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  // `args` with the command's name first; `key`: whose slot decides where it goes (any, where there
  // is no cluster). `answered` is called exactly once, from poll(), never from here. It is cheap
  // where it fits into std::function itself: two pointers' worth.
  void command(std::span<const std::string_view> args, std::string_view key,
               RedisAnswered answered);

  // The connection that a command for this key would be sent on now; 0: none. A number is never
  // used again.
  [[nodiscard]] std::uint64_t connection(std::string_view key) const;

  // Empty when every server that is needed is connected; else what is wrong, for /readyz:
  // "connecting to host:6379: Connection refused".
  [[nodiscard]] std::string trouble() const;

  [[nodiscard]] std::size_t calls_under_way() const;

 private:
  class Body;
  explicit RedisClient(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace sluice::port
