#include "tests/sim/people.h"

#include <algorithm>

namespace sluice::sim {
namespace {

constexpr Duration kOpenEvery = seconds(10);

std::uint32_t up_to(Prng& prng, std::uint32_t most) {
  return static_cast<std::uint32_t>(prng.between(1, std::max(1U, most)));
}

Limit draw_limit(Prng& prng, int number) {
  Limit limit;
  limit.name = "added-" + std::to_string(number);
  if (prng.chance(300'000)) limit.scope = LimitScope::kUpstream;
  if (prng.chance(250'000)) limit.kind = LimitKind::kConcurrency;
  limit.shadow = prng.chance(200'000);
  limit.n = up_to(prng, 10);
  limit.burst = up_to(prng, limit.n);
  limit.window = milliseconds(prng.between(1'000, 12'000));
  return limit;
}

// One edit of one limit, as somebody would make it.
void edit_one(Prng& prng, std::vector<Limit>& limits, int number) {
  Limit& limit = limits[prng.below(limits.size())];
  switch (prng.below(8)) {
    case 0:
    case 1:
      limit.n = up_to(prng, limit.n * 2 + 2);
      break;
    case 2:
      limit.window = milliseconds(prng.between(1'000, 15'000));
      break;
    case 3:
      limit.burst = up_to(prng, limit.n);
      break;
    case 4:
      limit.name = "renamed-" + std::to_string(number);
      break;
    case 5:
      limit.guard = milliseconds(prng.between(501, 2'000));
      break;
    case 6:
      if (limits.size() < 4) limits.push_back(draw_limit(prng, number));
      break;
    default:
      if (limits.size() > 1)
        limits.erase(limits.begin() + static_cast<std::ptrdiff_t>(prng.below(limits.size())));
      else
        limit.shadow = !limit.shadow;
  }
  for (Limit& one : limits) one.burst = std::min(one.burst, one.n);
}

}  // namespace

void People::begin() {
  const bool close_some = world_.faults.people.every > Duration{0};
  if (close_some) arrange();
  if (world_.faults.people.edit_every > Duration{0}) arrange_edit();
  speaks_ = close_some || world_.faults.upstream.abnormal > 0;
  if (speaks_) open_everything();
}

void People::arrange() {
  world_.agenda.after(world_.around(world_.faults.people.every), [this] {
    if (world_.healed) return;
    say_(draw());
    arrange();
  });
}

void People::arrange_edit() {
  world_.agenda.after(world_.around(world_.faults.people.edit_every), [this] {
    if (world_.healed) return edit_(settings_.upstreams);
    Upstream& upstream = upstreams_[world_.prng.below(upstreams_.size())];
    edit_one(world_.prng, upstream.limits, static_cast<int>(++said_));
    edit_(upstreams_);
    arrange_edit();
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
}

// One after the other: a door has room for a few at once.
void People::say_in_turn(ingest::ControlKey control) {
  control.request_id = ++said_;
  turn_ = turn_ + milliseconds(100);
  world_.agenda.after(turn_, [this, control] { say_(control); });
}

// What a person closed, and what abnormal usage did, stays closed until a person opens it; a word
// may be lost, so it is said again.
void People::open_everything() {
  turn_ = {};
  world_.agenda.after(kOpenEvery, [this] {
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
