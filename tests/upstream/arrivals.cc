#include "tests/upstream/arrivals.h"

#include <algorithm>

namespace sluice::upstream {

std::size_t Arrivals::in_window_ending(std::size_t last) const {
  const auto end = times_.begin() + static_cast<std::ptrdiff_t>(last);
  const auto first = std::lower_bound(times_.begin(), end, *end - span_);
  return static_cast<std::size_t>(end - first) + 1;
}

std::size_t Arrivals::add(Nanos at) {
  const auto place = times_.insert(std::upper_bound(times_.begin(), times_.end(), at), at);
  const auto index = static_cast<std::size_t>(place - times_.begin());
  std::size_t most = 0;
  for (std::size_t last = index; last < times_.size() && times_[last] - at <= span_; ++last) {
    most = std::max(most, in_window_ending(last));
  }
  fullest_ = std::max(fullest_, most);
  while (times_.front() < times_.back() - span_ - kLateness) times_.pop_front();
  return most;
}

}  // namespace sluice::upstream
