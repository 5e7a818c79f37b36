// The server around the tally: one thread, one epoll, keep-alive connections.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/prng.h"
#include "lib/base/result.h"
#include "tests/upstream/options.h"
#include "tests/upstream/request.h"
#include "tests/upstream/tally.h"

namespace sluice::upstream {

// When a request came and was answered: its first byte read, its answer's last one written.
struct Timed {
  std::string name;  // Idempotency-Key
  Nanos first_byte = 0;
  Nanos answered = 0;
};

class Server {
 public:
  // Listens; kUnavailable when the address cannot be had.
  static Result<std::unique_ptr<Server>> open(const Options& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Serves for one turn, at most `wait_ms` long (-1: until something happens).
  void turn(int wait_ms);
  // Serves until `fd` becomes readable.
  void run_until_readable(int fd);
  [[nodiscard]] const Tally& tally() const { return tally_; }
  // In the order of the answers; empty unless the options name a file for them.
  [[nodiscard]] const std::vector<Timed>& times() const { return times_; }

 private:
  struct Connection {
    int fd = -1;
    std::uint64_t id = 0;  // never reused, unlike fd
    std::string in;
    std::string out;
    Nanos first_byte = 0;  // of the request at the front of `in`
    Nanos last_read = 0;
    Nanos arrived = 0;  // first byte of the request that is being answered
    bool busy = false;  // a request is being answered: the next one waits
    bool continued = false;
    bool counted = true;  // the answer is the tally's business
    bool keep_alive = true;
    bool writing = false;  // epoll tells when there is room to write
    Behaviour behaviour;
    std::string name;
    std::size_t trickled = 0;
  };
  struct Timer {
    int fd;
    std::uint64_t id;
  };

  explicit Server(const Options& options);
  void accept_all();
  void readable(Connection& connection);
  void pump(int fd, std::uint64_t id);
  bool serve(Connection& connection);
  std::optional<std::string> own_answer(const ParsedRequest& parsed);
  void say_continue(Connection& connection);
  void take(Connection& connection, const Request& request);
  Behaviour choose(std::string_view asked, const Verdict& verdict);
  void act(Connection& connection);
  void later(const Connection& connection, std::int64_t ms);
  void due(Connection& connection);
  void say(Connection& connection, std::string bytes);
  void flush(Connection& connection);
  void finished(Connection& connection);
  void close(Connection& connection, bool reset);
  void run_timers();
  [[nodiscard]] int wait_ms(int at_most) const;
  [[nodiscard]] std::int64_t unix_now() const;
  Connection* find(int fd, std::uint64_t id);

  Options options_;
  Tally tally_;
  std::vector<Timed> times_;
  Prng prng_;
  int epoll_ = -1;
  int listener_ = -1;
  int stop_ = -1;
  bool stopped_ = false;
  std::uint16_t port_ = 0;
  std::uint64_t next_id_ = 1;
  std::vector<std::unique_ptr<Connection>> connections_;  // by fd
  std::multimap<Nanos, Timer> timers_;
};

}  // namespace sluice::upstream
