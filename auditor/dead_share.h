// Which share of the messages that ended lately is dead. Pure.
#pragma once

#include <cstdint>

#include "auditor/sliding.h"
#include "lib/wire/messages.h"

namespace sluice::auditor {

class DeadShare {
 public:
  explicit DeadShare(Duration window) : ends_(window) {}

  // Who cancels a message has asked for that end: it counts for nothing.
  void add(StoreTime at, wire::Settlement how) {
    if (how != wire::Settlement::kCancelled) ends_.add(at, how == wire::Settlement::kDead ? 1 : 0);
  }
  [[nodiscard]] std::uint64_t all() const { return ends_.sum()[0] + ends_.sum()[1]; }
  [[nodiscard]] std::uint64_t dead() const { return ends_.sum()[1]; }

 private:
  Sliding<2> ends_;
};

}  // namespace sluice::auditor
