// The meter against brute force: a stream of attempts whose real arrivals lie anywhere that the
// assumptions of design 2.1 allow, counted in every closed window. Shared by the test that it holds
// and by the tests that each rule, taken out, is seen.
#pragma once

#include <cstdint>

namespace sluice::limiter {

// What is broken on purpose.
struct BrokenMeter {
  bool no_guard = false;
  bool completion_dropped = false;  // a slot counts from its grant, not from its answer
  bool no_reinsert = false;         // a late answer to a slot that is gone is ignored
  bool lease_end_frees = false;     // a slot whose lease ended is taken for free
  bool unknown_is_answer = false;   // an unknown fate counts no longer than an answer
  bool one_too_many = false;
};

struct OracleResult {
  std::uint64_t fullest = 0;  // units that arrived in the fullest closed window
  std::uint64_t n = 0;        // what the limit allows
  std::uint64_t arrivals = 0;
  bool exact = true;  // every refusal's `until` was the first time at which it could change
};

// One run of random limit, latencies, losses and clock errors.
OracleResult run_oracle(std::uint64_t seed, const BrokenMeter& broken = {});

}  // namespace sluice::limiter
