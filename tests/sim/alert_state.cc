#include "tests/sim/alert_state.h"

#include <algorithm>

namespace sluice::sim {

alerter::StateAnswer AlertStateFake::apply(const alerter::StateCall& call) {
  return std::visit([this](const auto& one) { return act(one); }, call);
}

std::size_t AlertStateFake::undelivered() const {
  std::size_t sum = 0;
  for (const auto& [id, known] : alerts_) sum += known.undelivered.size();
  return sum;
}

alerter::StateAnswer AlertStateFake::act(const alerter::StateOpen&) {
  return alerter::StateOpened{cursor_};
}

alerter::StateAnswer AlertStateFake::act(const alerter::StatePut& put) {
  alerter::StatePutDone done;
  for (std::size_t n = 0; n < put.alerts.size(); ++n) {
    const wire::Alert& alert = put.alerts[n];
    const auto [at, created] = alerts_.emplace(alert.alert_id, Known{alert, {}});
    if (created)
      for (const std::string& sink : put.sinks[n]) at->second.undelivered[sink] = 0;
    done.created.push_back(created);
  }
  cursor_ = std::max(cursor_, put.cursor);
  return done;
}

alerter::StateAnswer AlertStateFake::act(const alerter::StateDue& due) {
  alerter::StateDueFound found;
  for (const auto& [id, known] : alerts_) {
    alerter::Undelivered one{known.alert, {}};
    for (const std::string& sink : due.sinks)
      if (const auto at = known.undelivered.find(sink); at != known.undelivered.end())
        one.sinks.push_back({sink, at->second});
    if (!one.sinks.empty()) found.due.push_back(std::move(one));
  }
  std::sort(found.due.begin(), found.due.end(),
            [](const auto& a, const auto& b) { return a.alert.cursor < b.alert.cursor; });
  if (found.due.size() > due.max) found.due.resize(due.max);
  return found;
}

alerter::StateAnswer AlertStateFake::act(const alerter::StateMark& mark) {
  for (const std::string& id : mark.alert_ids) {
    const auto at = alerts_.find(id);
    if (at == alerts_.end()) continue;
    auto& undelivered = at->second.undelivered;
    if (mark.fate != alerter::Fate::kUndelivered)
      undelivered.erase(mark.sink);
    else if (const auto sink = undelivered.find(mark.sink); sink != undelivered.end())
      sink->second += mark.attempts;
  }
  return alerter::StateMarked{};
}

}  // namespace sluice::sim
