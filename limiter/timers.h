// One timer per name: setting it again moves it. Ties go by name, so that runs repeat exactly.
#pragma once

#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "lib/base/instant.h"

namespace sluice::limiter {

template <class Name>
class Timers {
 public:
  void set(const Name& name, Instant at) {
    const auto [place, fresh] = at_.try_emplace(name, at);
    if (!fresh) {
      if (place->second == at) return;
      order_.erase({place->second, name});
      place->second = at;
    }
    order_.emplace(at, name);
  }
  void clear(const Name& name) {
    const auto place = at_.find(name);
    if (place == at_.end()) return;
    order_.erase({place->second, name});
    at_.erase(place);
  }
  // The first whose time has come; it is cleared.
  std::optional<Name> take_due(Instant now) {
    if (order_.empty() || order_.begin()->first > now) return std::nullopt;
    Name name = order_.begin()->second;
    clear(name);
    return name;
  }
  [[nodiscard]] Instant next() const {
    return order_.empty() ? Instant::never() : order_.begin()->first;
  }
  [[nodiscard]] std::size_t size() const { return order_.size(); }

 private:
  std::set<std::pair<Instant, Name>> order_;
  std::unordered_map<Name, Instant> at_;
};

}  // namespace sluice::limiter
