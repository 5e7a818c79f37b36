// One server as its URL names it: its name resolved again before each connection, one connection at
// a time, the next one after a back-off.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/prng.h"
#include "lib/port/log.h"
#include "lib/port/poller.h"
#include "lib/port/redis_connection.h"
#include "lib/port/redis_url.h"
#include "lib/port/resolver.h"

namespace sluice::port {

class RedisNode {
 public:
  // What nodes have in common; it outlives them.
  struct World {
    Poller& poller;
    Log& log;
    const RedisConfig& config;
    Prng chance;
    std::uint64_t connections = 0;  // numbered so far
    // MOVED and the like, said by this server (redis_connection.h).
    std::function<void(const RedisUrl& by, const std::string& text)> redirected = {};
  };

  RedisNode(World& world, RedisUrl url);

  // 0: no connection that takes calls, and then no command().
  [[nodiscard]] std::uint64_t number() const { return up() ? number_ : 0; }
  [[nodiscard]] bool full() const { return up() && connection_->full(); }
  void command(std::span<const std::string_view> args, RedisAnswered answered) {
    connection_->command(args, std::move(answered));
  }
  // A question of the client's own: beyond the limits, and its errors are answers.
  void ask(std::span<const std::string_view> args, RedisAnswered answered) {
    connection_->ask(args, std::move(answered));
  }

  // No more calls and no new connection; quiet() when those under way are answered.
  void retire();
  [[nodiscard]] bool quiet() const { return connection_ == nullptr; }

  // At a turn's end: writes; says when settle() is needed.
  Instant flush(Instant now);
  // After the sleep: ends the calls of a connection that is lost, and connects again. A connection
  // gets its number here.
  void settle(Instant now);

  // Empty when connected: "connecting to host:6379: Connection refused".
  [[nodiscard]] std::string trouble() const;
  [[nodiscard]] const RedisUrl& url() const { return url_; }
  [[nodiscard]] std::size_t calls_under_way() const;

 private:
  [[nodiscard]] bool up() const {
    return connection_ != nullptr && connection_->state() == RedisConnection::State::kUp;
  }
  void dial(Instant now);
  void resolved(const std::vector<std::string>& addresses);
  void connect(const std::string& address);
  void lost(Instant now);
  void back_off(Instant now, std::string why);

  World& world_;
  RedisUrl url_;
  std::string address_;
  std::unique_ptr<RedisConnection> connection_;
  std::uint64_t number_ = 0;    // of the connection; 0: not told yet
  std::uint32_t failures_ = 0;  // since a call was answered
  std::uint64_t dials_ = 0;     // of the name's addresses, one after the other
  Instant since_;               // the connection is up
  bool retired_ = false;
  bool resolving_ = false;
  Instant at_;  // without a connection: dials, or has resolved for long enough
  std::string why_ = "not connected yet";
  std::unique_ptr<Resolver> resolver_;
};

}  // namespace sluice::port
