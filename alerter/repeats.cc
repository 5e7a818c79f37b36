#include "alerter/repeats.h"

#include <algorithm>

namespace sluice::alerter {
namespace {

constexpr std::size_t kSpokenMax = 10'000;
constexpr Duration kAdjacent = hours(2);  // two alerts of neighbouring hours are less apart

bool is_hour(const std::string& period) { return period.size() == 13 && period[10] == 'T'; }

}  // namespace

void Repeats::load(const std::vector<Spoken>& spoken) {
  spoken_.clear();
  remember(spoken);
}

Spoken Repeats::judge(const wire::Alert& alert, const std::vector<Spoken>& earlier) const {
  Spoken now{alert.dedup_key, alert.at, alert.at, alert.severity};
  const Spoken* before = nullptr;
  if (const auto known = spoken_.find(alert.dedup_key); known != spoken_.end()) {
    before = &known->second;
  }
  for (const Spoken& one : earlier) {
    if (one.dedup_key == alert.dedup_key) before = &one;
  }
  if (before == nullptr || !is_hour(alert.period)) return now;
  const bool still = alert.at >= before->seen && alert.at < before->seen + kAdjacent;
  const bool lately = alert.at < before->said + interval_;
  if (still && lately && alert.severity <= before->severity) {
    now.said = before->said;
    now.severity = before->severity;
  }
  return now;
}

bool Repeats::is_known(const std::string& dedup_key) const {
  const auto known = spoken_.find(dedup_key);
  return known != spoken_.end() && known->second.seen.us != 0;
}

// Beyond kSpokenMax the one that was seen longest ago is forgotten: it would be said once more.
void Repeats::remember(const std::vector<Spoken>& spoken) {
  for (const Spoken& one : spoken) spoken_[one.dedup_key] = one;
  while (spoken_.size() > kSpokenMax) {
    spoken_.erase(std::min_element(
        spoken_.begin(), spoken_.end(),
        [](const auto& a, const auto& b) { return a.second.seen < b.second.seen; }));
  }
}

}  // namespace sluice::alerter
