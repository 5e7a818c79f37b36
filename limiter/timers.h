// One timer per name: setting it again moves it. When it rings is kept by whoever has the name,
// never() while it is not set, so that no table is needed to find it. Ties go by name, so that runs
// repeat exactly.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "lib/base/instant.h"

namespace sluice::limiter {

// Something that has a number, in an ordered container: the same order in every run.
template <class T>
struct Numbered {
  std::uint64_t number = 0;
  T* one = nullptr;
  explicit Numbered(T& of) : number(of.number), one(&of) {}
  friend bool operator==(Numbered a, Numbered b) { return a.number == b.number; }
  friend bool operator<(Numbered a, Numbered b) { return a.number < b.number; }
};

template <class Name>
class Timers {
 public:
  // never() clears it.
  void set(const Name& name, Instant& rings, Instant at) {
    if (rings == at) return;
    if (rings != Instant::never()) order_.erase({rings, name});
    if (at != Instant::never()) order_.emplace(at, name);
    rings = at;
  }
  void clear(const Name& name, Instant& rings) { set(name, rings, Instant::never()); }
  // The first whose time has come; it is cleared. `rings_of` leads from a name to its Instant.
  template <class RingsOf>
  std::optional<Name> take_due(Instant now, RingsOf rings_of) {
    if (order_.empty() || order_.begin()->first > now) return std::nullopt;
    Name name = order_.begin()->second;
    clear(name, rings_of(name));
    return name;
  }
  [[nodiscard]] Instant next() const {
    return order_.empty() ? Instant::never() : order_.begin()->first;
  }
  [[nodiscard]] std::size_t size() const { return order_.size(); }

 private:
  std::set<std::pair<Instant, Name>> order_;
};

}  // namespace sluice::limiter
