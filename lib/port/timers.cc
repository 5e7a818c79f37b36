#include "lib/port/timers.h"

#include <vector>

namespace sluice::port {

TimerId Timers::at(Instant when, Run run) {
  const std::uint64_t name = ++named_;
  agenda_.emplace(Place{when, name}, std::move(run));
  when_.emplace(name, when);
  return {name};
}

void Timers::cancel(TimerId id) {
  const auto found = when_.find(id.n);
  if (found == when_.end()) return;
  agenda_.erase({found->second, id.n});
  when_.erase(found);
}

Instant Timers::next() const {
  return agenda_.empty() ? Instant::never() : agenda_.begin()->first.first;
}

void Timers::run_due(Instant now) {
  const std::uint64_t newest = named_;
  std::vector<Place> due;
  for (const auto& [place, run] : agenda_) {
    if (place.first > now) break;
    if (place.second <= newest) due.push_back(place);
  }
  for (const Place& place : due) {
    const auto found = agenda_.find(place);
    if (found == agenda_.end()) continue;  // cancelled by one that ran before it
    const Run run = std::move(found->second);
    agenda_.erase(found);
    when_.erase(place.second);
    run();
  }
}

}  // namespace sluice::port
