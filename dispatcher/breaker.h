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
  // An attempt is let through; true when it is the one that half-open takes. Say what became of
  // it, and whether it was that one: an older attempt's end must not free a second trial.
  bool tried(Instant now);
  void connected();
  void not_connected(bool trial, Instant now);
  void learnt_nothing(bool trial);
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
