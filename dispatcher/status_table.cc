#include "dispatcher/status_table.h"

namespace sluice::dispatcher {

wire::Ended ended_by(std::uint32_t status, bool has_retry_after) {
  if (status >= 200 && status <= 299) return wire::Ended::kDelivered;
  switch (status) {
    case 429:
      return wire::Ended::kThrottled;
    case 403:
      return has_retry_after ? wire::Ended::kThrottled : wire::Ended::kRefused;
    case 503:
      return has_retry_after ? wire::Ended::kThrottled : wire::Ended::kFailed;
    case 408:
    case 409:
    case 425:
      return wire::Ended::kFailed;
    default:
      return status >= 500 ? wire::Ended::kFailed : wire::Ended::kRefused;
  }
}

}  // namespace sluice::dispatcher
