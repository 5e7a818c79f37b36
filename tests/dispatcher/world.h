// Http and the servers that it talks to, taking turns in one thread over loopback.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dispatcher/http.h"
#include "lib/port/unique_fd.h"
#include "tests/upstream/server.h"

namespace sluice::dispatcher {

// Says what it is told to, to whoever sends the end of a head; remembers what it read.
class RawServer {
 public:
  // backlog 0 and accepting false: a port that never takes a connection.
  explicit RawServer(std::string answer, bool accepting = true);
  void turn();
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& heard() const { return heard_; }
  [[nodiscard]] bool reset_seen() const { return reset_seen_; }
  // Fills the queue of connections that nobody accepts.
  void fill();

 private:
  std::uint16_t port_ = 0;  // before listener_, which fills it
  port::UniqueFd listener_;
  bool accepting_;
  bool reset_seen_ = false;
  std::string answer_;
  std::string heard_;
  std::vector<port::UniqueFd> peers_;
};

class World : public ::testing::Test {
 protected:
  World();
  // Names the upstream "u" and opens Http. Call after changing upstream_ or config_.
  void open(const std::string& url);
  void open_local() { open("http://127.0.0.1:" + std::to_string(server_->port())); }
  void serve(upstream::Options options);

  StartHttp call(const std::string& path = "/send", const std::string& body = "{}");
  // To the hostile upstream: it behaves as asked.
  StartHttp behave(const std::string& spec);
  HttpEnded attempt(StartHttp call);
  // Lets everybody take turns until `done`, for at most `limit_ms`.
  bool turns(const std::function<bool()>& done, int limit_ms = 5000);
  void rest(int ms) {
    turns([] { return false; }, ms);
  }
  std::string report() { return server_->tally().report(true); }

  port::Poller poller_;
  Upstream upstream_;
  HttpConfig config_;
  std::function<bool(const wire::Attempt&)> may_start_ = [](const wire::Attempt&) { return true; };
  Duration longest_ = hours(1);  // that an attempt may take
  std::vector<HttpEnded> ended_;
  std::unique_ptr<upstream::Server> server_;
  std::vector<std::function<void()>> others_;  // servers that take turns too
  aws::Secrets* secrets_ = nullptr;            // outlives http_
  std::unique_ptr<Http> http_;
  std::uint32_t serial_ = 0;
};

port::UniqueFd listen_on_loopback(int backlog, std::uint16_t& port);

}  // namespace sluice::dispatcher
