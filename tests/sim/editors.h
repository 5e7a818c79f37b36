// Who edits limits while everything runs: people, who look at them at a front door and put others
// in their place, some from what they saw long ago, two at the same moment, some whatever holds;
// and whoever writes settings, for all limiters, who hear of it one after the other. In the end the
// first limits are put back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ingest/front_door.h"
#include "tests/sim/settings.h"
#include "tests/sim/world.h"

namespace sluice::sim {

class Editors {
 public:
  using Upstreams = std::vector<Upstream>;
  // `ask` goes to a front door; `write` gives everybody new settings.
  Editors(World& world, const Settings& settings, std::function<void(const ingest::AskLimits&)> ask,
          std::function<void(const Upstreams&)> write)
      : world_(world),
        settings_(settings),
        files_(settings.upstreams),
        ask_(std::move(ask)),
        write_(std::move(write)) {}

  void begin();
  // Their request ids are above all others'.
  static constexpr std::uint64_t kRequests = std::uint64_t{1} << 41;
  void hears(const ingest::Respond& answer);
  // Since everything is healed, somebody was told that the first limits hold again.
  [[nodiscard]] bool done() const { return !edits_ || put_back_ == settings_.upstreams.size(); }

 private:
  struct Word {
    ingest::AskLimits ask;
    std::size_t upstream = 0;
    bool last = false;  // puts the first limits back
  };

  void arrange();
  void edit_once();
  void look(std::size_t upstream);
  void put(std::size_t upstream, const ingest::LimitsFound& seen);
  void put_back();
  void say(Word word);
  void unheard(const Word& word);

  World& world_;
  const Settings& settings_;
  Upstreams files_;  // as they were written
  std::function<void(const ingest::AskLimits&)> ask_;
  std::function<void(const Upstreams&)> write_;
  std::uint64_t said_ = kRequests;
  int made_ = 0;                                     // limits and names
  std::map<std::uint64_t, Word> words_;              // that are not answered, by request id
  std::map<std::size_t, ingest::LimitsFound> seen_;  // by upstream, long ago
  bool edits_ = false;
  std::size_t put_back_ = 0;  // of the upstreams, the first ones
};

}  // namespace sluice::sim
