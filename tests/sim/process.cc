#include "tests/sim/process.h"

#include <algorithm>
#include <utility>

namespace sluice::sim {

Process::Process(World& world, std::string name, ProcessFaults Faults::*faults)
    : world_(world),
      name_(std::move(name)),
      faults_(faults),
      clock_offset_(world.prng.between(seconds(1), hours(24))),
      clock_drift_ppm_(world.prng.between(-90, 90)),
      wall_offset_(world.prng.between(milliseconds(-100), milliseconds(100))) {}

Instant Process::clock() const {
  const std::int64_t t = world_.now().us;
  return Instant{clock_offset_.us + t + t * clock_drift_ppm_ / 1'000'000};
}

Instant Process::true_time(Instant local) const {
  const std::int64_t t = local.us - clock_offset_.us;
  const std::int64_t guess = t - t / 1'000 * clock_drift_ppm_ / 1'000 + 20;
  return Instant{std::clamp<std::int64_t>(guess, 0, Instant::never().us)};
}

StoreTime Process::wall() const {
  return world_.epoch_now() + wall_offset_ + (world_.healed ? Duration{0} : wall_leapt_);
}

void Process::boot() {
  if (up_) return;
  up_ = true;
  ++incarnation_;
  frozen_until_ = world_.now();
  world_.note(name_, "boot", incarnation_);
  on_boot();
}

void Process::crash() {
  if (!up_) return;
  up_ = false;
  ++incarnation_;
  ++crashes_;
  ways_.clear();
  world_.note(name_, "crash");
  on_crash();
  const Duration down = world_.prng.between(milliseconds(20), faults().down_max);
  world_.agenda.after(down, [this] { boot(); });
}

void Process::freeze(Duration how_long) {
  if (!up_) return;
  world_.note(name_, "freeze", how_long.us);
  frozen_until_ = std::max(frozen_until_, world_.now() + how_long);
}

void Process::later(Duration delay, Agenda::Deed deed) {
  world_.agenda.after(delay, [this, life = incarnation_, deed = std::move(deed)]() mutable {
    if (life != incarnation_) return;
    if (world_.now() < frozen_until_) return later(frozen_until_ - world_.now(), std::move(deed));
    deed();
  });
}

void Process::in_order(const void* neighbour, Duration& there, Duration& back) {
  Ways& ways = ways_[neighbour];
  ways.there = std::max(ways.there, world_.now() + there);
  ways.back = std::max(ways.back, ways.there + back);
  there = ways.there - world_.now();
  back = ways.back - ways.there;
}

void Process::suffer() {
  if (faults().crash_every > Duration{0}) arrange_crash();
  if (faults().freeze_every > Duration{0}) arrange_freeze();
  if (faults().stop_every > Duration{0}) arrange_stop();
  if (faults().wall_leap_every > Duration{0}) arrange_wall_leap();
}

void Process::arrange_crash() {
  world_.agenda.after(world_.around(faults().crash_every), [this] {
    if (world_.healed) return;
    crash();
    arrange_crash();
  });
}

void Process::arrange_freeze() {
  world_.agenda.after(world_.around(faults().freeze_every), [this] {
    if (world_.healed) return;
    freeze(world_.prng.between(milliseconds(1), faults().freeze_max));
    arrange_freeze();
  });
}

void Process::arrange_stop() {
  world_.agenda.after(world_.around(faults().stop_every), [this] {
    if (world_.healed) return;
    if (up_) {
      world_.note(name_, "stop");
      later(Duration{0}, [this] { on_stop(); });
      later(faults().stop_timeout, [this] { crash(); });
    }
    arrange_stop();
  });
}

void Process::arrange_wall_leap() {
  world_.agenda.after(world_.around(faults().wall_leap_every), [this] {
    if (world_.healed) return;
    const Duration most = faults().wall_leap_max;
    wall_leapt_ = world_.prng.between(Duration{0} - most, most);
    world_.note(name_, "wall clock", wall_leapt_.us);
    arrange_wall_leap();
  });
}

}  // namespace sluice::sim
