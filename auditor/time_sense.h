// A lower bound of store time for somebody who has no clock of it: whatever is said to have
// happened has happened, and since it was heard so much time has passed. Pure.
#pragma once

#include <algorithm>

#include "lib/base/instant.h"

namespace sluice::auditor {

class TimeSense {
 public:
  void hear(StoreTime happened, Instant now) {
    if (happened <= at_least(now)) return;
    bound_ = happened;
    heard_ = now;
  }
  // 0 before anything was heard.
  [[nodiscard]] StoreTime at_least(Instant now) const {
    return bound_.us == 0 ? bound_ : bound_ + std::max(now - heard_, Duration{});
  }

 private:
  StoreTime bound_;
  Instant heard_;
};

}  // namespace sluice::auditor
