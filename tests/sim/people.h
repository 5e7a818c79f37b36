// Who looks after Sluice: closes keys and whole upstreams for a while or until further notice,
// opens them again, and in the end opens everything; tells of sends that were made elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "ingest/front_door.h"
#include "tests/sim/settings.h"
#include "tests/sim/world.h"

namespace sluice::sim {

class People {
 public:
  // `say` brings a word to a front door, if one is open now.
  People(World& world, const Settings& settings, std::function<void(const ingest::ControlKey&)> say)
      : world_(world), settings_(settings), say_(std::move(say)) {}

  // From now on they interfere as the run's faults say; after heal() they open what is closed.
  void begin();
  // Their request ids are above those of producers, and below those of editors.
  static constexpr std::uint64_t kRequests = std::uint64_t{1} << 40;
  void hears(const ingest::Respond& answer);
  // Since everything is healed, somebody was told that words of theirs were heard.
  [[nodiscard]] bool done() const { return !speaks_ || (opened_ && consumed_); }

 private:
  void arrange();
  void open_everything();
  void say_in_turn(ingest::ControlKey control);
  [[nodiscard]] ingest::ControlKey draw();

  World& world_;
  const Settings& settings_;
  std::function<void(const ingest::ControlKey&)> say_;
  std::uint64_t said_ = kRequests;
  Duration turn_;  // of the next word, after everybody was healed
  using Target = std::pair<std::string, std::string>;  // upstream, key; empty: all of it
  std::map<std::uint64_t, Target> opening_;            // by request: what it is to open
  std::set<Target> let_go_;                            // that was heard
  bool speaks_ = false;
  int rounds_ = 0;  // of opening everything
  // By the upstream, or by a dead message, were keys that people open.
  bool stopped_ = false;
  bool opened_ = false, consumed_ = false;  // were heard
};

}  // namespace sluice::sim
