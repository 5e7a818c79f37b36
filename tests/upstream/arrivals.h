// The arrivals of one key, counted as a punishing upstream would: in every closed window
// [t, t + span]. Times are this process's steady clock in nanoseconds. Arrivals may be told out of
// order (a request's key is known only after its body), but not by more than `kLateness`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace sluice::upstream {

using Nanos = std::int64_t;

class Arrivals {
 public:
  static constexpr Nanos kLateness = 120'000'000'000;

  explicit Arrivals(Nanos span) : span_(span) {}

  // Returns the most arrivals in any closed window that this one is part of, itself included.
  std::size_t add(Nanos at);
  [[nodiscard]] std::size_t fullest() const { return fullest_; }

 private:
  [[nodiscard]] std::size_t in_window_ending(std::size_t last) const;

  Nanos span_;
  std::deque<Nanos> times_;  // ascending; those that no window to come can hold are let go
  std::size_t fullest_ = 0;
};

}  // namespace sluice::upstream
