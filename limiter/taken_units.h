// Units of a limit that are taken, by when they are free again: soonest first, those of one time
// together. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lib/base/instant.h"

namespace sluice::limiter {

class TakenUnits {
 public:
  // Of more than `most`, those that are free soonest leave.
  void add(StoreTime free_at, std::int64_t units, std::int64_t most) {
    auto place = std::upper_bound(entries_.begin(), entries_.end(), free_at,
                                  [](StoreTime at, const Entry& one) { return at < one.free_at; });
    if (place != entries_.begin() && std::prev(place)->free_at == free_at) {
      std::prev(place)->units += units;
    } else {
      entries_.insert(place, {free_at, units});
    }
    total_ += units;
    while (total_ > most) leave(total_ - most);
  }
  // What is free at that time decides nothing later.
  void forget_until(StoreTime now) {
    const auto ahead = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& e) { return e.free_at > now; });
    for (auto one = entries_.begin(); one != ahead; ++one) total_ -= one->units;
    entries_.erase(entries_.begin(), ahead);
  }

  [[nodiscard]] std::int64_t taken_at(StoreTime now) const {
    std::int64_t units = 0;
    for (auto one = entries_.rbegin(); one != entries_.rend() && one->free_at > now; ++one) {
      units += one->units;
    }
    return units;
  }
  // The first time at which fewer than `most` are taken; 0: always. Requires most > 0.
  [[nodiscard]] StoreTime falls_below(std::int64_t most) const {
    for (auto one = entries_.rbegin(); one != entries_.rend(); ++one) {
      most -= one->units;
      if (most <= 0) return one->free_at;
    }
    return {};
  }
  // Do the same units lie the same distances ahead? What is free by then makes no difference.
  [[nodiscard]] bool same_ahead(StoreTime from, const TakenUnits& other,
                                StoreTime other_from) const {
    auto one = entries_.rbegin();
    auto its = other.entries_.rbegin();
    for (;; ++one, ++its) {
      const bool done = one == entries_.rend() || one->free_at <= from;
      const bool other_done = its == other.entries_.rend() || its->free_at <= other_from;
      if (done || other_done) return done && other_done;
      if (one->free_at - from != its->free_at - other_from || one->units != its->units)
        return false;
    }
  }

 private:
  struct Entry {
    StoreTime free_at;
    std::int64_t units = 0;
  };
  void leave(std::int64_t units) {
    Entry& soonest = entries_.front();
    const std::int64_t leaving = std::min(units, soonest.units);
    soonest.units -= leaving;
    total_ -= leaving;
    if (soonest.units == 0) entries_.erase(entries_.begin());
  }

  std::vector<Entry> entries_;
  std::int64_t total_ = 0;
};

}  // namespace sluice::limiter
