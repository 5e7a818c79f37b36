#include "lib/aws/retry.h"

#include <algorithm>

namespace sluice::aws {

namespace {

constexpr std::uint32_t kAttemptsMax = 3;
constexpr Duration kLongest = seconds(20);

}  // namespace

bool RetryQuota::take(int cost) {
  if (cost > left_) return false;
  left_ -= cost;
  return true;
}

void RetryQuota::give_back(int taken) { left_ = std::min(kAll, left_ + std::max(taken, kSuccess)); }

std::optional<Again> again(const Failure& failure, RetryQuota& quota, Prng& chance) {
  if (failure.attempts >= kAttemptsMax) return std::nullopt;
  const int cost = failure.timed_out ? RetryQuota::kAfterTimeout : RetryQuota::kRetry;
  if (!quota.take(cost)) return std::nullopt;
  const Duration most = std::min(kLongest, seconds(std::int64_t{1} << (failure.attempts - 1)));
  const Duration jitter = chance.between(Duration{}, most);
  return Again{std::max(jitter, std::min(failure.retry_after, kLongest)), cost};
}

}  // namespace sluice::aws
