#include "tests/sim/run.h"

#include <algorithm>
#include <utility>

#include "tests/sim/knobs.h"
#include "tests/sim/system.h"

namespace sluice::sim {
namespace {

constexpr std::uint64_t kLatest = 0x1a7e57;
constexpr std::uint64_t kShared = 0x54a4ed;
constexpr std::uint64_t kStated = 0x57a7ed;
constexpr std::uint64_t kRare = 0x4a4e;
constexpr std::uint64_t kMany = 0x3a9e;
constexpr std::uint64_t kDiffer = 0xd1ffe4;
constexpr std::uint64_t kInOrder = 0xf1f0;
constexpr std::uint64_t kDoor = 0xd004;
constexpr std::uint64_t kCosts = 0xc057;

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

// Limits that hold up nothing.
void draw_wide(Settings& settings, Prng& prng) {
  settings.messages = 90;
  settings.sending = seconds(20);
  for (Upstream& upstream : settings.upstreams) {
    upstream.limits = {Limit{"per-key", LimitScope::kKey, 10, seconds(1), 10, seconds(1)}};
    upstream.max_pause = seconds(3);
    upstream.in_flight = static_cast<std::uint32_t>(prng.between(1, 3));
    upstream.in_flight_per_key = 1;
    upstream.on_unknown = OnUnknown::kResend;
  }
}

// Limiters do not live long, and much is under way that their heirs know nothing of.
void draw_heirs(Settings& settings, Faults& faults, Prng& prng) {
  draw_wide(settings, prng);
  settings.dispatchers = settings.ingests = 2;
  settings.keys = 4;
  for (Upstream& upstream : settings.upstreams) upstream.timeout = seconds(4);
  faults.limiter.crash_every = seconds(3);
  faults.limiter.down_max = milliseconds(300);
  faults.dispatcher = {};
  faults.link.cut_every = seconds(15);
  faults.store.late = 100'000;
  faults.store.late_max = seconds(4);
  faults.store.quick_max = milliseconds(300);
  faults.upstream.answer_max = milliseconds(3'500);
  faults.upstream.throttled = faults.upstream.no_connect = 100'000;
  faults.upstream.outage_every = seconds(8);
  faults.upstream.outage_max = seconds(4);
  settings.share_upstreams();
}

// Dispatchers do not live long, and leases end while the store's clock stands still, as it does
// after it was set back.
void draw_steps(Settings& settings, Faults& faults, Prng& prng) {
  draw_wide(settings, prng);
  settings.limiters = 1;
  settings.keys = 6;
  for (Upstream& upstream : settings.upstreams) upstream.timeout = seconds(1);
  faults.dispatcher.crash_every = seconds(3);
  faults.dispatcher.down_max = milliseconds(300);
  faults.limiter = {};
  faults.store_as_whole = {};
  faults.store_step_every = seconds(4);
  faults.upstream.answer_max = milliseconds(900);
  settings.share_upstreams();
}

// Limiters do not live long, and who lives knows store time by a clock that has been put right
// since.
void draw_apart(Settings& settings, Faults& faults, Prng& prng) {
  draw_steps(settings, faults, prng);
  settings.limiters = 2;
  faults.dispatcher = {};
  faults.limiter.crash_every = seconds(6);
  faults.limiter.down_max = milliseconds(300);
}

// Several limiters dispatch at once to who can make one attempt at a time, and mostly has no
// connection; its neighbours' clocks are in doubt now and then.
void draw_crowd(Settings& settings, Faults& faults, Prng& prng) {
  draw_wide(settings, prng);
  settings.limiters = 3;
  settings.dispatchers = 1;
  settings.ingests = 2;
  settings.keys = 6;
  settings.dispatcher.table_max = 100;
  settings.dispatcher.breaker_failures = 2;
  for (Upstream& upstream : settings.upstreams) {
    upstream.timeout = seconds(4);
    upstream.in_flight = 1;
  }
  faults.limiter = {};
  faults.dispatcher = {};
  faults.people.every = seconds(3);
  faults.people.pause_max = seconds(1);
  faults.upstream.answer_max = milliseconds(3'500);
  faults.upstream.no_connect = prng.chance(500'000) ? 300'000 : 0;
  faults.store_as_whole = {};
  faults.store_as_whole.leap_every = seconds(40);
  settings.share_upstreams();
}

// People edit limits, and what they were answered is lost; stores forget and go back; limiters die.
void draw_edits(Settings& settings, Faults& faults, Prng& prng) {
  settings.limiters = 3;
  settings.ingests = 2;
  faults.people.edit_every = milliseconds(prng.between(500, 4'000));
  faults.store.refused = faults.store.lost_before = faults.store.lost_after = 100'000;
  faults.store.late = 50'000;
  faults.link.cut_every = seconds(15);
  faults.limiter.crash_every = seconds(15);
  faults.limiter.down_max = seconds(2);
  faults.store_as_whole.forget_every = seconds(20);
  faults.store_as_whole.two_primaries = 500'000;
}

// One ingest reaches one limiter alone: what persons say at either, and what the store forgets,
// must become known by way of others.
void draw_cut_off(Settings& settings, Faults& faults) {
  settings.cut_off = true;
  settings.ingests = 2;
  settings.limiters = std::max(settings.limiters, 2);
  settings.ingest.announce_every = seconds(5);
  faults.people.every = seconds(2);
  faults.people.pause_max = seconds(20);
}

// Paths that ordinary weather takes less than once in a thousand seeds.
void draw_rare(Settings& settings, Faults& faults, Prng& prng) {
  switch (prng.below(40)) {
    case 0:
      return draw_heirs(settings, faults, prng);
    case 1:
      return draw_steps(settings, faults, prng);
    case 2:  // dispatchers have no room for what they are asked about either
      settings.dispatcher.table_max = static_cast<std::size_t>(prng.between(1, 3));
      settings.dispatcher.asked_reserve = 0;
      return draw_heirs(settings, faults, prng);
    case 3:  // what is dead cannot be put away
      faults.upstream.refused = 100'000;
      settings.queued = 1'000'000;
      faults.queue_calls.refused = faults.queue_calls.lost_before = 100'000;
      return;
    case 4:  // people say more than the trail takes while the auditor is away
      settings.limiter.unrecorded_max = settings.limiter.words_max = 2;
      faults.people.every = seconds(1);
      faults.auditor.crash_every = seconds(5);
      faults.auditor.down_max = seconds(20);
      return;
    case 5:
      return draw_crowd(settings, faults, prng);
    case 6:
    case 7:
      return draw_steps(settings, faults, prng);
    case 8:
      return draw_edits(settings, faults, prng);
    case 9:
    case 10:
      return draw_cut_off(settings, faults);
    case 11:
      return draw_apart(settings, faults, prng);
    default:
      return;
  }
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
  faults.link.cut_every = seconds(4);
  faults.link.cut_max = seconds(25);
  faults.upstream.answer_max = milliseconds(900);
  faults.upstream.no_connect = std::max(faults.upstream.no_connect, 400'000U);
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
  if (Prng many(seed ^ kMany); !saboteur || saboteur->any_day)
    settings.limiters = static_cast<int>(many.between(1, 3));
  // Saboteurs have weathers of their own, and calm seeds stay calm.
  if (Prng later(~seed); (!saboteur || saboteur->any_day) && seed % 8 != 0) {
    world.faults.draw_later(later);
    settings.draw_later(later);
    draw_knobs(later, settings);
    Prng latest(seed ^ kLatest);
    world.faults.draw_latest(latest);
    if (latest.chance(150'000)) draw_late_outcomes(settings, world.faults);
    if (latest.chance(300'000)) settings.otherwise = 150'000;
    Prng rare(seed ^ kRare);
    draw_rare(settings, world.faults, rare);
    if (Prng differ(seed ^ kDiffer); differ.chance(200'000)) settings.draw_timeouts(differ);
  }
  if (seed % 32 == 8 && (!saboteur || !saboteur->weather))
    settings.be_explained(world.faults.upstream.answer_max);
  if (seed % 32 == 24 && (!saboteur || !saboteur->weather)) {
    Prng shared(seed ^ kShared);
    settings.be_shared(shared);
    world.faults.upstream = {};
  }
  if (seed % 32 == 16 && (!saboteur || !saboteur->weather)) {
    Prng stated(seed ^ kStated);
    settings.be_stated(stated);
    world.faults = settings.quiet_morning ? Faults::none() : Faults::drawn(stated);
    if (!settings.quiet_morning) world.faults.draw_later(stated);
    // Rows go by their ingests' clocks: of two that differ by minutes, neither knows its place.
    if (settings.ingests > 1) world.faults.ingest.wall_leap_every = {};
  }
  if (Prng in_order(seed ^ kInOrder); !saboteur) settings.draw_in_order(in_order);
  if (Prng door(seed ^ kDoor); !saboteur || saboteur->any_day) settings.draw_door(door);
  if (Prng costs(seed ^ kCosts);
      (!saboteur || saboteur->any_day) && seed % 8 != 0 && costs.chance(200'000)) {
    settings.draw_costs(costs);
    world.faults.draw_costs(costs);
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
