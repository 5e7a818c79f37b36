#include "tests/sim/run.h"

#include <utility>

#include "tests/sim/knobs.h"
#include "tests/sim/system.h"

namespace sluice::sim {
namespace {

constexpr std::uint64_t kLatest = 0x1a7e57;
constexpr std::uint64_t kShared = 0x54a4ed;

// One seed in eight knows no faults but those of the upstream: what is promised of quiet days is
// seen there.
Faults draw_faults(std::uint64_t seed, Prng& prng) {
  Faults faults = Faults::drawn(prng);
  if (seed % 8 != 0) return faults;
  Faults calm;
  calm.upstream = faults.upstream;
  calm.upstream.stuck = calm.upstream.never_arrives = 0;
  calm.upstream.hangs_up = calm.upstream.late_answer = 0;
  return calm;
}

// What a dispatcher knows reaches nobody before its attempt was given up, and the next one went by
// another.
void draw_late_outcomes(Settings& settings, Faults& faults) {
  settings.dispatchers = 2;
  for (Upstream& upstream : settings.upstreams) {
    upstream.timeout = seconds(1);
    upstream.max_pause = seconds(3);
    upstream.on_unknown = OnUnknown::kResend;
  }
  settings.share_upstreams();
  faults.link.cut_every = seconds(8);
  faults.link.cut_max = seconds(25);
  faults.upstream.answer_max = milliseconds(900);
}

void settle(World& world, System& system, Duration within) {
  const Instant deadline = world.now() + within;
  while (world.holds() && !system.quiet()) {
    if (world.now() >= deadline)
      return world.breaks("liveness", "not settled in time: " + system.what_is_open());
    world.agenda.run_until(world.now() + seconds(1), [&] { return !world.holds(); });
  }
}

}  // namespace

Report run_seed(std::uint64_t seed, const Saboteur* saboteur, const Trace::Reader& reader) {
  World world(seed, Faults{});
  if (reader) world.trace.show(reader);
  world.faults = draw_faults(seed, world.prng);
  Settings settings = Settings::drawn(world.prng);
  // Saboteurs have weathers of their own, and calm seeds stay calm.
  if (Prng later(~seed); (!saboteur || saboteur->any_day) && seed % 8 != 0) {
    world.faults.draw_later(later);
    settings.draw_later(later);
    draw_knobs(later, settings);
    Prng latest(seed ^ kLatest);
    world.faults.draw_latest(latest);
    if (latest.chance(80'000)) draw_late_outcomes(settings, world.faults);
    if (latest.chance(300'000)) settings.otherwise = 150'000;
  }
  if (seed % 32 == 8 && (!saboteur || !saboteur->weather))
    settings.be_explained(world.faults.upstream.answer_max);
  if (seed % 32 == 24 && (!saboteur || !saboteur->weather)) {
    Prng shared(seed ^ kShared);
    settings.be_shared(shared);
    world.faults.upstream = {};
  }
  if (saboteur && saboteur->weather) saboteur->weather(settings, world.faults);
  if (saboteur && saboteur->settings) saboteur->settings(settings);
  System system(world, settings);
  if (saboteur && saboteur->system) saboteur->system(system);
  system.begin();
  world.agenda.run_until(Instant{} + settings.safety, [&] { return !world.holds(); });
  if (world.holds()) {
    system.heal();
    settle(world, system, settings.settles_within());
  }
  if (world.holds()) system.witnesses().tell(&Witness::ended);
  return {seed,
          world.trace.hash(),
          world.broken,
          system.arrivals(),
          system.crashes(),
          world.agenda.done(),
          world.now() - Instant{}};
}

std::string line_of(const Report& report, const Saboteur* saboteur) {
  std::string line = "seed " + std::to_string(report.seed) + ": ";
  if (report.broken.empty()) return line + "kept";
  const Broken& first = report.broken.front();
  line +=
      first.checker + ": " + first.what + ", at " + std::to_string(first.at.us) + " us; repeat: ";
  line += "scripts/simulate --seed=" + std::to_string(report.seed) + " --trace";
  if (saboteur) line += " --saboteur='" + saboteur->name + "'";
  return line;
}

}  // namespace sluice::sim
