#include "tests/sim/people.h"

#include <algorithm>

namespace sluice::sim {
namespace {

constexpr Duration kOpenEvery = seconds(10);
constexpr int kRoundsFirst = 3;  // by then what was said before everybody was healed has arrived

std::uint32_t up_to(Prng& prng, std::uint32_t most) {
  return static_cast<std::uint32_t>(prng.between(1, std::max(1U, most)));
}

}  // namespace

void People::begin() {
  const bool close_some = world_.faults.people.every > Duration{0};
  if (close_some) arrange();
  stopped_ = world_.faults.upstream.abnormal > 0 || settings_.stops > 0;
  speaks_ = close_some || stopped_;
  if (speaks_) open_everything();
}

void People::arrange() {
  world_.agenda.after(world_.around(world_.faults.people.every), [this] {
    if (world_.healed) return;
    say_(draw());
    arrange();
  });
}

ingest::ControlKey People::draw() {
  Prng& prng = world_.prng;
  ingest::ControlKey control;
  control.request_id = ++said_;
  control.verb = prng.chance(600'000) ? wire::Verb::kPause : wire::Verb::kResume;
  if (prng.chance(150'000)) control.verb = wire::Verb::kConsume;
  control.upstream = settings_.upstreams[prng.below(settings_.upstreams.size())].name;
  control.by = "somebody";
  if (!prng.chance(200'000)) {
    const auto key = prng.below(static_cast<std::uint64_t>(settings_.keys));
    control.key = control.upstream + ":user-" + std::to_string(key);
  }
  if (control.verb == wire::Verb::kConsume) control.amount = up_to(prng, 5);
  if (control.verb == wire::Verb::kPause && prng.chance(700'000))
    control.until = world_.epoch_now() + prng.between(seconds(1), world_.faults.people.pause_max);
  return control;
}

void People::hears(const ingest::Respond& answer) {
  const auto* taken = std::get_if<ingest::ControlTaken>(&answer.answer);
  if (!world_.healed || taken == nullptr || !taken->heard) return;
  (taken->amount > 0 ? consumed_ : opened_) = true;
  if (const auto said = opening_.extract(answer.request_id); !said.empty())
    let_go_.insert(said.mapped());
}

// One after the other: a door has room for a few at once.
void People::say_in_turn(ingest::ControlKey control) {
  const Target target{control.upstream, control.key};
  if (let_go_.contains(target)) return;
  control.request_id = ++said_;
  // What an upstream has stopped, a late word of a dispatcher may stop again; what is dead,
  // another.
  if (!stopped_ && rounds_ >= kRoundsFirst) opening_[control.request_id] = target;
  turn_ = turn_ + milliseconds(100);
  world_.agenda.after(turn_, [this, control] { say_(control); });
}

// What a person closed, and what abnormal usage or a dead message did, stays closed until a person
// opens it; a word may be lost, so it is said again until it was heard: what was heard lets go for
// good, whichever front door it was said at.
void People::open_everything() {
  turn_ = {};
  world_.agenda.after(kOpenEvery, [this] {
    if (world_.healed) ++rounds_;
    for (const Upstream& upstream : settings_.upstreams) {
      if (!world_.healed) break;
      ingest::ControlKey control;
      control.verb = wire::Verb::kResume;
      control.upstream = upstream.name;
      control.by = "somebody";
      say_in_turn(control);
      for (int key = 0; key < settings_.keys; ++key) {
        control.key = upstream.name + ":user-" + std::to_string(key);
        say_in_turn(control);
      }
      if (consumed_) continue;
      control.request_id = ++said_;
      control.verb = wire::Verb::kConsume;
      control.amount = 1;
      // One word about a key at a time.
      world_.agenda.after(seconds(5), [this, control] { say_(control); });
    }
    open_everything();
  });
}

}  // namespace sluice::sim
