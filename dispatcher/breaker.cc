#include "dispatcher/breaker.h"

#include "lib/base/mark.h"

#include <algorithm>

namespace sluice::dispatcher {

Breaker::State Breaker::state(Instant now) const {
  if (!opened_) return State::kClosed;
  return now < half_open_at_ ? State::kOpen : State::kHalfOpen;
}

bool Breaker::may_try(Instant now) const {
  const State at = state(now);
  return at == State::kClosed || (at == State::kHalfOpen && !trying_);
}

bool Breaker::tried(Instant now) {
  if (state(now) != State::kHalfOpen) return false;
  trying_ = true;
  return true;
}

void Breaker::connected() {
  if (opened_) MARK("dispatcher: a breaker closes again");
  failures_ = 0;
  opened_ = false;
  trying_ = false;
}

void Breaker::learnt_nothing(bool trial) {
  if (trial) trying_ = false;
}

void Breaker::not_connected(bool trial, Instant now) {
  if (!opened_) {
    if (++failures_ < rules_.failures) return;
    MARK("dispatcher: a breaker opens");
    wait_ = rules_.wait;
    open(now);
  } else if (trial) {
    MARK("dispatcher: a breaker's trial fails");
    wait_ = std::min(wait_ * 2, rules_.wait_max);
    open(now);
  }
}

void Breaker::open(Instant now) {
  opened_ = true;
  trying_ = false;
  half_open_at_ = now + wait_;
}

Instant Breaker::deadline(Instant now) const {
  return state(now) == State::kOpen ? half_open_at_ : Instant::never();
}

}  // namespace sluice::dispatcher
