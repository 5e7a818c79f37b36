// Keys (and whole upstreams) of which nothing is started: by an answer that we read ourselves
// (penalty, until an instant) and by limiters (recall, until a store time). Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/instant.h"

namespace sluice::dispatcher {

// Times out of store time's bounds are judged by the lower one: closed until surely open.
class Closures {
 public:
  explicit Closures(std::size_t max) : max_(max) {}

  // An empty key closes the upstream. Nothing is ever shortened: whoever says less knows less.
  void penalise(std::string_view upstream, std::string_view key, Instant until);
  [[nodiscard]] std::optional<Instant> penalised_until(std::string_view upstream,
                                                       std::string_view key) const;
  // 0 is for the moment only and changes nothing here.
  void recall(std::string_view upstream, std::string_view key, StoreTime until, StoreTime low);
  [[nodiscard]] bool closed(std::string_view upstream, std::string_view key, Instant now,
                            StoreTime low) const;
  // Lets go of what has ended. Beyond `max` names what ends first leaves early: the store holds
  // those keys too, so no new grant comes for them.
  void sweep(Instant now, StoreTime low);
  [[nodiscard]] std::size_t size() const { return penalties_.size() + recalls_.size(); }

 private:
  std::size_t max_;
  std::map<std::string, Instant, std::less<>> penalties_;
  std::map<std::string, StoreTime, std::less<>> recalls_;
};

}  // namespace sluice::dispatcher
