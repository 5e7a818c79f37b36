#include "tests/sim/agenda.h"

#include <algorithm>
#include <utility>

namespace sluice::sim {

void Agenda::at(Instant when, Deed deed) {
  heap_.push_back({std::max(when, now_), ++sequence_, std::move(deed)});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
}

bool Agenda::step() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  const Entry next = std::move(heap_.back());
  heap_.pop_back();
  now_ = next.when;
  ++done_;
  next.deed();
  return true;
}

bool Agenda::run_until(Instant end, const std::function<bool()>& enough) {
  while (!heap_.empty() && heap_.front().when <= end) {
    step();
    if (enough()) return true;
  }
  now_ = std::max(now_, end);
  return false;
}

}  // namespace sluice::sim
