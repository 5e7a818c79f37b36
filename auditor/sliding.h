// Counts of what happened lately: a window of time that slides on in sixtieths. Pure; time is what
// the events say.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/instant.h"

namespace sluice::auditor {

inline constexpr std::int64_t kSlots = 60;

// `N` counts beside each other. An event older than the window is not counted.
template <std::size_t N>
class Sliding {
 public:
  using Counts = std::array<std::uint64_t, N>;

  explicit Sliding(Duration window)
      : slot_us_(std::max<std::int64_t>(window.us / kSlots, 1)), slots_(kSlots) {}

  void add(StoreTime at, std::size_t which) {
    CHECK(which < N);
    const std::int64_t slot = at.us / slot_us_;
    if (slot <= newest_ - kSlots) return;
    for (; newest_ < slot; newest_ = std::max(newest_ + 1, slot - kSlots)) empty(newest_ + 1);
    ++slots_[place(slot)][which];
    ++sum_[which];
  }
  [[nodiscard]] const Counts& sum() const { return sum_; }

 private:
  static std::size_t place(std::int64_t slot) { return static_cast<std::size_t>(slot % kSlots); }
  void empty(std::int64_t slot) {
    if (slot < 0) return;
    Counts& counts = slots_[place(slot)];
    for (std::size_t which = 0; which < N; ++which) sum_[which] -= counts[which];
    counts = {};
  }

  std::int64_t slot_us_;
  std::int64_t newest_ = -1;
  std::vector<Counts> slots_;
  Counts sum_{};
};

}  // namespace sluice::auditor
