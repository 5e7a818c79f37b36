// How long messages that could go took to start: the share that took too long, exactly, and
// quantiles to within an eighth. Pure.
#pragma once

#include <cstdint>

#include "auditor/sliding.h"

namespace sluice::auditor {

class Delays {
 public:
  Delays(Duration window, Duration too_long)
      : buckets_(window), slow_(window), too_long_(too_long) {}

  void add(StoreTime at, Duration delay);
  [[nodiscard]] std::uint64_t all() const { return slow_.sum()[0] + slow_.sum()[1]; }
  // That took `too_long` or longer.
  [[nodiscard]] std::uint64_t slow() const { return slow_.sum()[1]; }
  // So many of a million took at most this long; the true value is at most an eighth less.
  [[nodiscard]] Duration quantile(std::uint64_t millionths) const;

 private:
  static constexpr std::size_t kBuckets = 320;  // eight for each doubling, from 1 us to 12 days

  Sliding<kBuckets> buckets_;
  Sliding<2> slow_;
  Duration too_long_;
};

}  // namespace sluice::auditor
