// One process of the simulated world: it can crash, come back as another life, freeze and thaw.
// What was arranged for one life never happens to the next.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tests/sim/world.h"

namespace sluice::sim {

class Process {
 public:
  Process(World& world, std::string name, ProcessFaults Faults::*faults);
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void boot();
  // Everything in memory is gone, at once. Comes back by itself after a drawn while.
  void crash();
  void freeze(Duration how_long);
  // From now on it crashes and freezes as the run's faults say.
  void suffer();

  // To this life only; waits while the process is frozen.
  void later(Duration delay, Agenda::Deed deed);

  // One connection to one neighbour: what is asked after something else neither arrives nor is
  // answered before it. Lengthens the two ways accordingly.
  void in_order(const void* neighbour, Duration& there, Duration& back);

  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // Which life of which process, for those who watch.
  [[nodiscard]] std::string who() const { return name_ + "/" + std::to_string(incarnation_); }
  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] const ProcessFaults& faults() const { return world_.faults.*faults_; }
  [[nodiscard]] std::uint64_t crashes() const { return crashes_; }

  // This process's steady clock: starts anywhere and drifts, as real ones do.
  [[nodiscard]] Instant clock() const;
  // The first true time at which clock() will have reached `local`.
  [[nodiscard]] Instant true_time(Instant local) const;
  // Its wall clock: right to within a tenth of a second, until somebody sets it wrong.
  [[nodiscard]] StoreTime wall() const;

 protected:
  virtual void on_boot() = 0;
  virtual void on_crash() = 0;
  // SIGTERM: takes nothing new, and crash()es by itself when it is idle.
  virtual void on_stop() {}

 private:
  void arrange_crash();
  void arrange_freeze();
  void arrange_stop();
  void arrange_wall_leap();

  World& world_;
  std::string name_;
  ProcessFaults Faults::*faults_;
  bool up_ = false;
  std::uint64_t incarnation_ = 0;
  std::uint64_t crashes_ = 0;
  Instant frozen_until_;
  struct Ways {
    Instant there, back;
  };
  std::map<const void*, Ways> ways_;  // never walked: addresses have no order that repeats
  Duration clock_offset_;
  std::int64_t clock_drift_ppm_ = 0;
  Duration wall_offset_;
  Duration wall_leapt_;  // until all is healed
};

}  // namespace sluice::sim
