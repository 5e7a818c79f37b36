#include "limiter/known_keys.h"

#include "lib/base/check.h"

namespace sluice::limiter {

Known& KnownKeys::add(std::string_view name) {
  if (const auto at = by_name_.find(name); at != by_name_.end()) return *at->second;
  Known& known = keys_.emplace_back();
  known.name = name;
  by_name_.emplace(known.name, std::prev(keys_.end()));
  return known;
}

void KnownKeys::erase(std::string_view name) {
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return;
  const auto known = at->second;
  by_name_.erase(at);
  keys_.erase(known);
}

const Known* KnownKeys::find(std::string_view name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : &*at->second;
}

std::string KnownKeys::next() {
  CHECK(!keys_.empty());
  newest_next_ = !newest_next_;
  return newest_next_ ? keys_.front().name : keys_.back().name;
}

}  // namespace sluice::limiter
