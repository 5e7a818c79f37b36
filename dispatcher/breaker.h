// Whether an upstream can be reached, by the connections that were tried. Pure.
//
//   closed     -- `failures` in a row without a connection --> open
//   open       -- after `wait` --> half-open
//   half-open  -- its one attempt connected --> closed; not connected --> open, wait doubled
//
// Only connecting counts: an upstream that answers 500 can be reached.
#pragma once

#include <cstdint>

#include "lib/base/instant.h"

namespace sluice::dispatcher {

class Breaker {
 public:
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen };
  struct Rules {
    std::uint32_t failures = 5;
    Duration wait = seconds(10);
    Duration wait_max = minutes(5);
  };

  explicit Breaker(Rules rules) : rules_(rules) {}

  [[nodiscard]] State state(Instant now) const;
  // Half-open takes one attempt at a time.
  [[nodiscard]] bool may_try(Instant now) const;
  // What became of an attempt that was let through: say tried() and then one of the others.
  void tried(Instant now);
  void connected();
  void not_connected(Instant now);
  void learnt_nothing() { trying_ = false; }
  // When open becomes half-open by itself; never() otherwise.
  [[nodiscard]] Instant deadline(Instant now) const;

 private:
  void open(Instant now);

  Rules rules_;
  std::uint32_t failures_ = 0;
  bool opened_ = false;
  bool trying_ = false;
  Instant half_open_at_;
  Duration wait_;
};

}  // namespace sluice::dispatcher
