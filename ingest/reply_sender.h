// Makes the requests that replies.h decides on: the due ones of each host are read from the store,
// signed, sent, and what became of them is written back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/replies.h"
#include "lib/port/log.h"
#include "lib/port/one_shot.h"
#include "lib/port/poller.h"
#include "lib/port/secrets.h"
#include "lib/port/url.h"

namespace sluice::ingest {

// {"type":"message.settled", ...}: README, "Replies".
std::string reply_body(const Reply& reply);
// Whole seconds of a Retry-After; 0 when it says something else.
Duration retry_after_of(const port::ShotResult& result);

class ReplySender {
 public:
  struct World {
    port::Poller& poller;
    port::Log& log;
    std::function<StoreTime()> wall;
    std::uint64_t seed = 0;
    port::ReadSecret read_secret = port::resolve_secret;
    // A host refused what was signed with it.
    std::function<void(const std::string& reference)> secret_refused = [](const std::string&) {};
  };

  // `store` outlives it; the hosts of `config` are URLs (checked).
  ReplySender(ReplyConfig config, ReplyStore& store, World world);

  // Starts what is due, and writes what has become of others. Called each second.
  void look();
  // Messages have ended: the turn's end looks, too.
  void want() { wanted_ = wanted_ || !lines_.empty(); }
  void end_turn();
  // What runs is left to its end; nothing new begins.
  void drain() { draining_ = true; }

  [[nodiscard]] const Replies::Counts& counts() const { return replies_.counts(); }

 private:
  struct Line {
    port::BaseUrl url;
    std::unique_ptr<port::OneShots> shots;
  };
  void add_line(const std::string& host);
  void look_at(const std::string& host, Line& line);
  void give_up_old();
  using Secrets = std::vector<std::string>;
  void start(const Reply& reply, const Secrets& signing, Line& line);
  // Nothing: they cannot be read now.
  std::optional<Secrets> secrets();
  void ended(const port::ShotResult& result);
  void judge(const Reply& reply, const ReplyTried& tried, const std::string& why);
  void write();
  void trouble(const std::string& what);

  ReplyConfig config_;
  ReplyStore& store_;
  World world_;
  Replies replies_;
  std::map<std::string, Line> lines_;  // by host
  std::map<std::uint64_t, Reply> under_way_;
  std::string trouble_;  // the store's, said once
  bool wanted_ = false;
  bool freed_ = false;  // a look is about to follow
  bool draining_ = false;
};

}  // namespace sluice::ingest
