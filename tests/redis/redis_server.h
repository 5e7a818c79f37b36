// A real redis-server as a child of the test, in a directory of its own, on a unix socket and, if
// asked for, a port of 127.0.0.1. It is killed with this object, and with the test.
//
//   RedisServer redis({.port = true, .clock = true});
//   redis.set_clock(1'790'000'000'000'000);    // frozen there
//   redis.command({"SET", "a", "1"});
//   redis.kill(); redis.start();               // kill -9; what it had saved is there again
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/instant.h"
#include "lib/port/redis_value.h"

namespace sluice {

// Of 127.0.0.1; nobody else is told the same one for a while.
std::uint16_t free_port();

class RedisServer {
 public:
  struct Options {
    bool port = false;   // plain TCP as well
    bool clock = false;  // its wall clock is the test's
    // Its directory is in memory, where there is some: what it syncs costs no time.
    bool memory = false;
    std::vector<std::string> conf =
        {};  // lines of redis.conf, after ours: "replicaof 127.0.0.1 6380"
  };
  RedisServer() : RedisServer(Options{}) {}
  // Started, and answering, when this returns.
  explicit RedisServer(Options options);
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  void kill();    // kill -9
  void freeze();  // SIGSTOP ...
  void thaw();    // ... and on
  void start();   // again, in the same directory and on the same port

  // Lets it evict, of those that have a time to live, the key with the shortest one, for as long as
  // it was set to.
  void evict_one();

  // Microseconds after 1970; it stands still there.
  void set_clock(std::int64_t us) { tell_clock(2, us); }
  // It runs, so many microseconds ahead of the machine's.
  void shift_clock(std::int64_t us) { tell_clock(1, us); }

  // On a connection of the fixture's own, waiting for the answer. An error is a value of kind
  // kError; without an answer the text begins with "lost".
  port::RedisValue command(const std::vector<std::string>& words);
  // All in one write, and their answers.
  std::vector<port::RedisValue> pipeline(const std::vector<std::vector<std::string>>& commands);
  // The same, and kill -9 so long after the first `answers` of them: how many were answered in all.
  std::size_t kill_amid(const std::vector<std::vector<std::string>>& commands, std::size_t answers,
                        Duration later);
  // The fixture's connection as a user of ACLs.
  void log_in(std::string user, std::string password);

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string socket() const { return directory_ + "/redis.sock"; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string log() const;  // what it has written

 private:
  struct Connection;
  Connection& connected();
  void end();
  void tell_clock(std::int64_t mode, std::int64_t value);
  void write_conf() const;
  [[nodiscard]] bool wait_until_up();

  Options options_;
  std::string directory_;
  std::uint16_t port_ = 0;
  pid_t child_ = 0;
  std::int64_t* clock_ = nullptr;
  std::string user_, password_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace sluice
