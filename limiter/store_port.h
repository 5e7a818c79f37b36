// The seam between the limiter's shell and its store. Calls leave with perform(); each is answered
// once, or never: at once, within perform(), or later from the loop. An answer that never comes is
// asked for again by the core; no port says a call again by itself once it may have been applied.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "limiter/script.h"
#include "limiter/store.h"

namespace sluice::limiter {

class StorePort {
 public:
  // With `sent` and `received`, as the core learns store time from them.
  using Answered = std::function<void(const StoreReply&)>;
  // What only a person can put right: ends the process.
  using GiveUp = std::function<void(Error)>;
  struct Events {
    Answered answered;
    GiveUp give_up;
  };

  StorePort() = default;
  StorePort(const StorePort&) = delete;
  StorePort& operator=(const StorePort&) = delete;
  virtual ~StorePort() = default;

  // Once, before the first call.
  virtual void start(Events events) = 0;
  // What one turn asks; may be moved from.
  virtual void perform(std::vector<StoreAsk>& asks) = 0;
  // Other settings while it runs: each shard is told before its next call.
  virtual void set_config(StoreConfig config, std::string by) = 0;
  // Why it lets nothing be granted though it may answer, for /readyz. Empty: nothing is wrong.
  [[nodiscard]] virtual std::string trouble() const = 0;
};

}  // namespace sluice::limiter
