// A limit of a whole upstream is asked for by several limiters, none of which knows the others.
// Whoever asks a moment sooner than the rest, each time, would have all of it. So a limiter lets an
// opening pass, for a moment, each time that its own keys have all had their turn (a round of
// turns.h): those of others are served in between, in proportion to their keys and weights. While
// nobody else is seen to take any of it, that is done now and then only. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/base/instant.h"

namespace sluice::limiter {

class GiveWay {
 public:
  void granted() { granted_ = true; }
  // It was refused again, although nothing was granted here since it was last.
  [[nodiscard]] bool overtaken() const { return !granted_; }
  // `others`: somebody else is seen to take of it.
  void refused(bool others, Instant now) {
    granted_ = false;
    if (others) others_until_ = now + kSeenFor;
  }
  // Whether the next opening is left to others. `round`: of the turns.
  bool gives(std::uint64_t round, Instant now) {
    const bool others = now < others_until_;
    if (!others) given_ = std::max(given_, round - std::min<std::uint64_t>(round, 1));
    if (given_ >= round || (!others && now < again_)) return false;
    ++given_;
    again_ = now + kNowAndThen;
    return true;
  }

 private:
  static constexpr Duration kSeenFor = seconds(10);
  static constexpr Duration kNowAndThen = seconds(1);

  bool granted_ = true;
  std::uint64_t given_ = 0;  // rounds that were paid for
  Instant others_until_;
  Instant again_;
};

}  // namespace sluice::limiter
