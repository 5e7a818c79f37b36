#include "dispatcher/closures.h"

#include <algorithm>
#include <vector>

namespace sluice::dispatcher {

namespace {

std::string name_of(std::string_view upstream, std::string_view key) {
  std::string name(upstream);
  name += '\n';  // in no upstream's name
  name += key;
  return name;
}

template <class Time>
void sweep_one(std::map<std::string, Time, std::less<>>& names, Time now, std::size_t max) {
  std::erase_if(names, [now](const auto& each) { return each.second <= now; });
  if (names.size() <= max) return;
  std::vector<Time> ends;
  for (const auto& [name, end] : names) ends.push_back(end);
  std::size_t over = names.size() - max;
  const auto last = ends.begin() + static_cast<std::ptrdiff_t>(over - 1);
  std::nth_element(ends.begin(), last, ends.end());
  std::erase_if(names, [&](const auto& each) { return each.second <= *last && over-- > 0; });
}

template <class Time>
bool stands(const std::map<std::string, Time, std::less<>>& names, const std::string& name,
            Time now) {
  const auto found = names.find(name);
  return found != names.end() && now < found->second;
}

}  // namespace

void Closures::penalise(std::string_view upstream, std::string_view key, Instant until) {
  Instant& stands = penalties_[name_of(upstream, key)];
  stands = std::max(stands, until);
}

std::optional<Instant> Closures::penalised_until(std::string_view upstream,
                                                 std::string_view key) const {
  const auto found = penalties_.find(name_of(upstream, key));
  return found == penalties_.end() ? std::nullopt : std::optional(found->second);
}

void Closures::recall(std::string_view upstream, std::string_view key, StoreTime until,
                      StoreTime low) {
  if (until <= low) return;
  StoreTime& stands = recalls_[name_of(upstream, key)];
  stands = std::max(stands, until);
}

bool Closures::closed(std::string_view upstream, std::string_view key, Instant now,
                      StoreTime low) const {
  if (penalties_.empty() && recalls_.empty()) return false;
  const std::string whole = name_of(upstream, {});
  const std::string one = name_of(upstream, key);
  return stands(penalties_, one, now) || stands(penalties_, whole, now) ||
         stands(recalls_, one, low) || stands(recalls_, whole, low);
}

void Closures::sweep(Instant now, StoreTime low) {
  sweep_one(penalties_, now, max_);
  sweep_one(recalls_, low, max_);
}

}  // namespace sluice::dispatcher
