// Who looks after Sluice: closes keys and whole upstreams for a while or until further notice,
// opens them again, and in the end opens everything; edits limits in the middle of their windows,
// and in the end puts them back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ingest/front_door.h"
#include "tests/sim/settings.h"
#include "tests/sim/world.h"

namespace sluice::sim {

class People {
 public:
  using Upstreams = std::vector<Upstream>;
  // `say` brings a word to a front door, if one is open now; `edit` gives everybody new
  // settings.
  People(World& world, const Settings& settings, std::function<void(const ingest::ControlKey&)> say,
         std::function<void(const Upstreams&)> edit)
      : world_(world),
        settings_(settings),
        upstreams_(settings.upstreams),
        say_(std::move(say)),
        edit_(std::move(edit)) {}

  // From now on they interfere as the run's faults say; after heal() they open what is closed.
  void begin();
  // Their request ids are above all others'.
  static constexpr std::uint64_t kRequests = std::uint64_t{1} << 40;
  void hears(const ingest::Respond& answer);
  // Since everything is healed, somebody was told that words of theirs were heard.
  [[nodiscard]] bool done() const { return !speaks_ || (opened_ && consumed_); }

 private:
  void arrange();
  void open_everything();
  void say_in_turn(ingest::ControlKey control);
  [[nodiscard]] ingest::ControlKey draw();
  void arrange_edit();

  World& world_;
  const Settings& settings_;
  Upstreams upstreams_;  // as they were edited
  std::function<void(const ingest::ControlKey&)> say_;
  std::function<void(const Upstreams&)> edit_;
  std::uint64_t said_ = kRequests;
  Duration turn_;  // of the next word, after everybody was healed
  bool speaks_ = false;
  bool opened_ = false, consumed_ = false;  // were heard
};

}  // namespace sluice::sim
