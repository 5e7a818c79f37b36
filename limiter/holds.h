// Why a key, or a whole upstream, is closed, as far as this process knows. Penalties take effect
// here at once (P7); the store's word comes later and may lengthen them. Pure.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "lib/wire/messages.h"

namespace sluice::limiter {

// Why something may not go now, and until when. until 0: nobody can know.
struct Refusal {
  wire::Wait why = wire::Wait::kNone;
  StoreTime until;
};

class Holds {
 public:
  // True when it is closed longer than before.
  bool penalise(StoreTime until) {
    if (until <= penalty_until_) return false;
    penalty_until_ = until;
    return true;
  }
  // until 0: until resumed.
  void pause(StoreTime until) { pause_until_ = until; }
  void resume() { pause_until_ = kNotPaused; }

  [[nodiscard]] std::optional<Refusal> refusal(StoreTime low) const {
    if (paused() && (pause_until_.us == 0 || pause_until_ > low)) {
      return Refusal{wire::Wait::kPaused, pause_until_};
    }
    if (penalty_until_ > low) return Refusal{wire::Wait::kPenalty, penalty_until_};
    return std::nullopt;
  }
  [[nodiscard]] bool paused() const { return pause_until_ != kNotPaused; }
  [[nodiscard]] bool paused_for_ever() const { return pause_until_.us == 0; }
  [[nodiscard]] StoreTime penalty_until() const { return penalty_until_; }
  // The last end of a hold that is over at `low`; 0: of none.
  [[nodiscard]] StoreTime ended_at(StoreTime low) const {
    StoreTime ended;
    if (penalty_until_ <= low) ended = penalty_until_;
    if (pause_until_ <= low) ended = std::max(ended, pause_until_);
    return ended;
  }
  // Something to remember, whatever the time is.
  [[nodiscard]] bool lasts() const { return paused() || penalty_until_.us != 0; }

 private:
  static constexpr StoreTime kNotPaused{-1};

  StoreTime penalty_until_;
  StoreTime pause_until_ = kNotPaused;
};

// The one that lasts longer.
inline std::optional<Refusal> longer(std::optional<Refusal> a, std::optional<Refusal> b) {
  if (!a) return b;
  if (!b) return a;
  if (a->until.us == 0) return a;
  if (b->until.us == 0) return b;
  return a->until >= b->until ? a : b;
}

// Of those that are not over at `now` the one that lasts longest.
inline std::optional<Refusal> refusal_of(const std::vector<wire::Hold>& holds, StoreTime now) {
  std::optional<Refusal> longest;
  for (const wire::Hold& hold : holds) {
    if (hold.until.us != 0 && hold.until <= now) continue;
    const bool pause = hold.kind == wire::HoldKind::kPause;
    longest =
        longer(longest, Refusal{pause ? wire::Wait::kPaused : wire::Wait::kPenalty, hold.until});
  }
  return longest;
}

}  // namespace sluice::limiter
