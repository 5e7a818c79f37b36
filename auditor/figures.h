// The figures of the service that must stay in bounds, beside the limits: how many messages end
// dead, how long those that could go took to start, how long somebody waits for us, how many dead
// letters lie. What is out of bounds is an alert, once per kind and hour. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/backlogs.h"
#include "auditor/dead_share.h"
#include "auditor/delays.h"
#include "auditor/time_sense.h"
#include "lib/wire/messages.h"
#include "lib/wire/peer.h"

namespace sluice::auditor {

// What is in bounds; every duration is already scaled.
struct Bounds {
  Duration window = hours(1);                // of the two shares
  std::uint32_t dead_millionths = 10'000;    // as many dead, or more, are out of bounds
  std::uint32_t dead_from = 100;             // ends in the window: fewer say nothing
  Duration start_delay = milliseconds(500);  // p99 is to be less
  std::uint32_t start_delay_from = 1'000;    // starts in the window: fewer say nothing
  Duration held = seconds(300);              // longer are out of bounds
  std::uint32_t dead_letters = 10;           // more are out of bounds
  Duration long_penalty = hours(1);          // longer ones are out of bounds
  Duration uncopied = hours(1);              // longer without a copy in S3 is out of bounds
};

class Figures {
 public:
  using Alerts = std::vector<wire::Alert>;

  explicit Figures(const Bounds& bounds)
      : bounds_(bounds), dead_(bounds.window), delays_(bounds.window, bounds.start_delay) {}

  // A record that was written (and not before), and what a sender said of its backlog.
  void see(const wire::Record& record, Instant now, Alerts& alerts);
  void hear(wire::PeerId from, const wire::Backlog& said, Instant now, Alerts& alerts);
  void forget(wire::PeerId peer) { backlogs_.forget(peer); }
  // An attempt under limits that the watch does not know.
  void unwatched(StoreTime granted, Alerts& alerts);
  // Sealed segments of the trail have no copy, the oldest since then; `wall`: now.
  void uncopied(std::uint64_t segments, StoreTime since, StoreTime wall, Alerts& alerts);
  // What was raised may not have become durable: it is raised again when next it is met.
  void raise_again() { raised_.clear(); }

  void sense(StoreTime happened, Instant now) { time_.hear(happened, now); }
  [[nodiscard]] StoreTime at_least(Instant now) const { return time_.at_least(now); }

  [[nodiscard]] const DeadShare& dead() const { return dead_; }
  [[nodiscard]] const Delays& delays() const { return delays_; }
  [[nodiscard]] const Backlogs& backlogs() const { return backlogs_; }
  // How long the one that waits for us longest has done so, at least; 0: none does.
  [[nodiscard]] Duration held(Instant now) const;

 private:
  // Whether an alert of this kind would be one that was raised already: none need be made.
  [[nodiscard]] bool is_raised(std::string_view kind, StoreTime at) const;
  void raise(wire::Alert alert, StoreTime at, Alerts& alerts);

  Bounds bounds_;
  DeadShare dead_;
  Delays delays_;
  Backlogs backlogs_;
  TimeSense time_;
  StoreTime unwatched_since_;
  std::map<std::string, std::string, std::less<>> raised_;  // kind -> period
};

}  // namespace sluice::auditor
