// One connection to one server, from connect() to its end; never a second one. Login, database and
// preamble are said first, then PING: when that is answered it is up.
//
// It ends by its own word only: state() says kEnded, its owner calls fail() and lets it go. Nothing
// is destroyed under a handler.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "lib/port/poller.h"
#include "lib/port/redis_config.h"
#include "lib/port/redis_pipeline.h"
#include "lib/port/redis_socket.h"

namespace sluice::port {

class RedisConnection {
 public:
  enum class State : std::uint8_t {
    kOpening,   // TCP, TLS
    kGreeting,  // login, preamble
    kUp,
    kDraining,  // the server is none to ask (READONLY): what is under way is still answered
    kEnded,
  };
  struct Login {
    std::string user;
    std::uint32_t database = 0;
  };
  // MOVED, ASK, TRYAGAIN, CLUSTERDOWN: the whole text; the call is "not executed".
  using Redirected = std::function<void(const std::string& text)>;

  // `config` outlives it.
  RedisConnection(Poller& poller, const RedisConfig& config, Login login, Redirected redirected);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  void open(const RedisSocket::Target& target);

  // Only while kUp and not full().
  void command(std::span<const std::string_view> args, RedisAnswered answered);
  // The client's own question: beyond the limits, and its errors are answers.
  void ask(std::span<const std::string_view> args, RedisAnswered answered);
  [[nodiscard]] bool full() const { return pipeline_.full(); }
  [[nodiscard]] std::size_t size() const { return pipeline_.size(); }

  // No more calls; ends when those under way are answered.
  void drain(std::string why);

  // At a turn's end: writes. `now` or later: when look() is needed.
  Instant flush(Instant now);
  // After the sleep: what is overdue, and the secret.
  void look(Instant now);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& why() const { return why_; }  // kDraining, kEnded
  // Whether a call was answered with anything else than that the server is none to ask.
  [[nodiscard]] bool proven() const { return pipeline_.given() > 0; }
  // Whether it ended because the server is none to ask.
  [[nodiscard]] bool turned_away() const { return turned_away_; }

  // kEnded: every call ends, by `why`.
  void fail(const std::string& why) { pipeline_.fail(why); }

 private:
  void act();
  void go_on_opening();
  void greet();
  void greeted(std::string_view step, const RedisAnswer& answer, bool last);
  bool say_login(RedisAnswered answered);
  void say_preamble(const RedisAnswered& answered);
  void login_again();
  void watch(std::uint32_t events);
  void write();
  void read();
  void end(std::string why);
  RedisPipeline::Verdict judge(const RedisPipeline::Refused& refused);
  RedisPipeline::Verdict judge_login(const RedisPipeline::Refused& refused);
  [[nodiscard]] Instant due() const { return poller_.now() + config_.call_timeout; }

  Poller& poller_;
  const RedisConfig& config_;
  Login login_;
  Redirected redirected_;
  RedisSocket socket_;
  RedisPipeline pipeline_;
  State state_ = State::kOpening;
  std::string why_;
  bool turned_away_ = false;
  std::string password_;     // as it was said last; empty when it was refused
  bool logging_in_ = false;  // said, not answered
  Instant password_at_;      // when the secret is looked at again
  Instant read_at_;          // when something was read last
  Instant open_by_;          // until kUp
  std::uint32_t watched_ = 0;
  bool more_to_read_ = false;
};

}  // namespace sluice::port
