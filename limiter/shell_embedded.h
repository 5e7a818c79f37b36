// The embedded store behind the shell's seam: a turn's calls in one transaction, answered at once;
// and its housekeeping, in small steps, while nobody waits for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/stage/stage.h"
#include "limiter/sqlite_store.h"
#include "limiter/store_port.h"

namespace sluice::limiter {

class EmbeddedStore final : public StorePort {
 public:
  // In the data directory, the same for each instance: one limiter has it. Says in the log when
  // what was found there closes the store.
  static Result<std::unique_ptr<StorePort>> open(const stage::Room& room, StoreConfig config);
  EmbeddedStore(const stage::Room& room, SqliteStore store);

  void start(Events events) override;
  void perform(std::vector<StoreAsk>& asks) override;
  void set_config(StoreConfig config, std::string by) override;
  [[nodiscard]] std::string trouble() const override { return ""; }

 private:
  void rest();

  port::Poller& poller_;
  stage::Histogram& latency_;
  SqliteStore store_;
  Answered answered_;
  Instant asked_at_;
};

}  // namespace sluice::limiter
