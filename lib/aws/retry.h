// When a request that failed is said again: the retry mode "standard" of AWS's SDKs ("Retry
// behavior", AWS SDKs and Tools Reference Guide). Pure: chance and time are arguments.
//
// At most three attempts. Between them full jitter: uniform between 0 and min(20 s, 2^n s), and no
// less than Retry-After. One quota for all requests of a client keeps many that fail from becoming
// three times as many: it holds 500, an attempt more takes 5, one after a timeout 10; a success
// gives back what its last attempt took, or 1.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/base/instant.h"
#include "lib/base/prng.h"

namespace sluice::aws {

class RetryQuota {
 public:
  static constexpr int kAll = 500;
  static constexpr int kRetry = 5;
  static constexpr int kAfterTimeout = 10;
  static constexpr int kSuccess = 1;

  // False: nothing is taken, and nothing is said again.
  bool take(int cost);
  void give_back(int taken);
  [[nodiscard]] int left() const { return left_; }

 private:
  int left_ = kAll;
};

struct Failure {
  std::uint32_t attempts = 1;  // so many were made
  bool timed_out = false;
  Duration retry_after;  // 0: none was said
};

struct Again {
  Duration after;
  int taken = 0;  // of the quota
};

// Nothing: it has failed for good.
std::optional<Again> again(const Failure& failure, RetryQuota& quota, Prng& chance);

}  // namespace sluice::aws
