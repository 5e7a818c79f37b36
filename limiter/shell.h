// The limiter's shell: calls of the store, a turn's worth in one transaction, and what can be seen
// from outside. Decides nothing.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/port/http_server.h"
#include "lib/stage/run.h"
#include "limiter/core.h"
#include "limiter/sqlite_store.h"

namespace sluice::limiter {

class Shell {
 public:
  using Core = LimiterCore;
  static stage::StageInfo info();
  // What --check looks at besides the rows: upstreams, and guards that cover the clocks.
  static Status check(const Settings& settings);
  static Result<std::unique_ptr<Shell>> open(const stage::Room& room);

  Shell(Config config, SqliteStore store, std::uint64_t seed);

  Core& core() { return core_; }
  Status start(stage::Stage<Core>& stage);
  void perform(Core::Effect effect);
  void begin_turn() { asks_.clear(); }
  void end_turn();
  std::string not_ready();
  // SIGHUP: limits and what else a limiter that runs can take.
  Result<std::vector<std::string>> reload(const Settings& settings);
  // GET /v1/explain?key= or ?id=, for `sluice-limiter explain`.
  std::optional<port::HttpResponse> health(const port::HttpRequest& request);
  void drain() { core_.drain(); }

 private:
  port::HttpResponse explain(const port::HttpRequest& request);
  void make_metrics();
  void count();
  void rest();
  void name_unknown();

  LimiterCore core_;
  SqliteStore store_;
  stage::Stage<Core>* stage_ = nullptr;
  std::vector<StoreAsk> asks_;
  stage::Histogram* latency_ = nullptr;
  Instant asked_at_;
  std::set<std::string> named_;  // upstreams that we do not have, and that was said of
};

}  // namespace sluice::limiter
