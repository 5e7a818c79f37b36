#include "auditor/delays.h"

#include <algorithm>
#include <bit>

namespace sluice::auditor {
namespace {

// Eight buckets for each power of two: 0 to 7 us have one each, then the three bits that follow the
// first one tell which.
std::size_t bucket_of(std::uint64_t us) {
  if (us < 8) return us;
  const auto log = static_cast<std::uint64_t>(std::bit_width(us)) - 1;
  return (log - 2) * 8 + ((us >> (log - 3)) & 7U);
}

// The greatest number in the bucket.
std::uint64_t top_of(std::size_t bucket) {
  if (bucket < 8) return bucket;
  const std::uint64_t log = bucket / 8 + 2;
  const std::uint64_t first = (8 + bucket % 8) << (log - 3);
  return first + (std::uint64_t{1} << (log - 3)) - 1;
}

}  // namespace

void Delays::add(StoreTime at, Duration delay) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(delay.us, 0));
  buckets_.add(at, std::min(bucket_of(us), kBuckets - 1));
  slow_.add(at, delay >= too_long_ ? 1 : 0);
}

Duration Delays::quantile(std::uint64_t millionths) const {
  const std::uint64_t count = all();
  const std::uint64_t wanted = (count * millionths + 999'999) / 1'000'000;
  std::uint64_t sum = 0;
  for (std::size_t bucket = 0; bucket < kBuckets && count > 0; ++bucket) {
    sum += buckets_.sum()[bucket];
    if (sum >= wanted) return microseconds(static_cast<std::int64_t>(top_of(bucket)));
  }
  return {};
}

}  // namespace sluice::auditor
