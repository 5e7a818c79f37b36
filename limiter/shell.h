// The limiter's shell: calls of the store, a turn's worth together, and what can be seen from
// outside. Decides nothing.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/port/http_server.h"
#include "lib/stage/run.h"
#include "lib/wire/namesakes.h"
#include "limiter/core.h"
#include "limiter/store_port.h"

namespace sluice::limiter {

class Shell {
 public:
  using Core = LimiterCore;
  static stage::StageInfo info();
  // What --check looks at besides the rows: upstreams, and guards that cover the clocks.
  static Status check(const Settings& settings);
  static Result<std::unique_ptr<Shell>> open(const stage::Room& room);

  Shell(Config config, std::unique_ptr<StorePort> store, std::uint64_t seed);

  Core& core() { return core_; }
  Status start(stage::Stage<Core>& stage);
  void perform(Core::Effect effect);
  void begin_turn() { asks_.clear(); }
  void end_turn();
  std::string not_ready();
  // SIGHUP: limits and what else a limiter that runs can take.
  Result<std::vector<std::string>> reload(const Settings& settings);
  // GET /v1/explain?key= or ?id=, for `sluice-limiter explain`.
  bool health(const port::HttpRequest& request, const stage::Respond& respond);
  void drain() { core_.drain(); }

 private:
  // A person's question that waits for the store's word on its key.
  struct Asked {
    Explained explained;
    bool as_text = false;
    stage::Respond respond;
    port::TimerId patience = {};
  };
  void answered(const StoreReply& reply);
  void say_failed(const std::string& why);
  void explain(const port::HttpRequest& request, const stage::Respond& respond);
  void explained(std::uint64_t call_id, const StoreReply* reply);
  void count();
  void name_unknown();
  void say_closures();
  void count_closures();
  void look_at_peers();
  void look_at_closures();
  void look_at_clocks();

  LimiterCore core_;
  std::unique_ptr<StorePort> store_;
  stage::Stage<Core>* stage_ = nullptr;
  std::vector<StoreAsk> asks_;
  std::uint64_t last_own_;  // call of the store that is the shell's, not the core's
  std::map<std::uint64_t, Asked> asked_;
  std::string failed_why_;  // why the store failed, as the log was told last ...
  Instant failed_said_;     // ... and when
  bool away_said_ = true;   // it does not know yet that the store answers again
  wire::Namesakes namesakes_;
  std::optional<Instant> awaited_since_;  // an announcement after a closure
  bool awaited_said_ = false;             // the log was told
  bool closed_said_ = false;              // ... that messages wait for a closure
  bool apart_said_ = false;               // ... that the store's clock is not this machine's
  std::set<std::string> named_;           // upstreams that we do not have, and that was said of
  ClosureNews closure_news_;
};

}  // namespace sluice::limiter
