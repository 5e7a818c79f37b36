// A limit that is held tighter than its settings: after a penalty a key's limits open slowly, n =
// N/2, plus N/8 each window without a warning (design 4.3); after an edit some units may be taken
// that no log knows of. Pure.
#pragma once

#include "limiter/meter.h"

namespace sluice::limiter {

// Of a key's rate limit at `now`. `one_at_a_time`: penalised, and nothing succeeded since;
// reopened_at: the first success after it, 0: there is none to be lived down.
Tightened reopening(const Limit& limit, bool one_at_a_time, StoreTime reopened_at, StoreTime now);
// When the limit is whole again.
StoreTime reopened_wholly(const Limit& limit, StoreTime reopened_at);

// What it is at `now`, if it was `tightened` before.
void move_on(const Limit& limit, Tightened& tightened, StoreTime now);
// When it will be less tight; never(): it will not, or nobody can know.
StoreTime next_change(const Tightened& tightened);

// Meter::decide() for a limit so held. A message that costs more than n, but no more than N, goes
// when the log is empty. `until` is exact, growth of n included.
struct Question {
  Tightened tightened;
  std::uint32_t units = 1;
  StoreTime now;
};
Verdict decide_tightened(const Limit& limit, const Meter& meter, const LimitLog& log,
                         const Question& question);

}  // namespace sluice::limiter
