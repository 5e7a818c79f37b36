// xoshiro256** (Blackman, Vigna 2018) seeded by splitmix64: the only source of chance in cores and
// simulation. Same seed, same numbers, on every platform. Not for secrets.
#pragma once

#include <array>
#include <cstdint>

#include "lib/base/check.h"
#include "lib/base/instant.h"

namespace sluice {

class Prng {
 public:
  explicit Prng(std::uint64_t seed);
  std::uint64_t next();
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high);
  Duration between(Duration low, Duration high) { return {between(low.us, high.us)}; }
  // True with probability `per_million` / 1,000,000.
  bool chance(std::uint32_t per_million) { return below(1'000'000) < per_million; }
  // A stream of its own, for a part that must not disturb the draws of others.
  Prng split() { return Prng(next()); }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace sluice
