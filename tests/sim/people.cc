#include "tests/sim/people.h"

namespace sluice::sim {
namespace {

constexpr Duration kOpenEvery = seconds(10);

}  // namespace

void People::begin() {
  const bool close_some = world_.faults.people.every > Duration{0};
  if (close_some) arrange();
  if (close_some || world_.faults.upstream.abnormal > 0) open_everything();
}

void People::arrange() {
  world_.agenda.after(world_.around(world_.faults.people.every), [this] {
    if (world_.healed) return;
    say_(draw());
    arrange();
  });
}

wire::Control People::draw() {
  Prng& prng = world_.prng;
  wire::Control control;
  control.control_id = ++said_;
  control.verb = prng.chance(600'000) ? wire::Verb::kPause : wire::Verb::kResume;
  control.upstream = settings_.upstreams[prng.below(settings_.upstreams.size())].name;
  control.by = "somebody";
  if (!prng.chance(200'000)) {
    const auto key = prng.below(static_cast<std::uint64_t>(settings_.keys));
    control.key = control.upstream + ":user-" + std::to_string(key);
  }
  if (control.verb == wire::Verb::kPause && prng.chance(700'000))
    control.until = world_.epoch_now() + prng.between(seconds(1), world_.faults.people.pause_max);
  return control;
}

// What a person closed, and what abnormal usage did, stays closed until a person opens it; a word
// may be lost, so it is said again.
void People::open_everything() {
  world_.agenda.after(kOpenEvery, [this] {
    for (const Upstream& upstream : settings_.upstreams) {
      if (!world_.healed) break;
      wire::Control control;
      control.verb = wire::Verb::kResume;
      control.upstream = upstream.name;
      control.by = "somebody";
      control.control_id = ++said_;
      say_(control);
      for (int key = 0; key < settings_.keys; ++key) {
        control.control_id = ++said_;
        control.key = upstream.name + ":user-" + std::to_string(key);
        say_(control);
      }
    }
    open_everything();
  });
}

}  // namespace sluice::sim
