#include "tests/sim/faults.h"

namespace sluice::sim {

Ending Endings::draw(Prng& prng) const {
  auto place = static_cast<std::uint32_t>(prng.below(1'000'000));
  const auto falls_in = [&place](std::uint32_t share) {
    if (place < share) return true;
    place -= share;
    return false;
  };
  if (falls_in(refused)) return Ending::kRefused;
  if (falls_in(lost_before)) return Ending::kLostBefore;
  if (falls_in(lost_after)) return Ending::kLostAfter;
  if (falls_in(late)) return Ending::kLate;
  return Ending::kDone;
}

namespace {

bool coin(Prng& prng) { return prng.chance(500'000); }

// Nothing, or something between a hundredth of `most` and all of it.
std::uint32_t often(Prng& prng, std::uint32_t most) {
  if (!coin(prng)) return 0;
  constexpr std::uint32_t kRareness[] = {1, 3, 10, 30, 100};
  return most / kRareness[prng.below(5)];
}

Duration every(Prng& prng, Duration least) {
  return coin(prng) ? least * prng.between(1, 8) : Duration{0};
}

Endings endings(Prng& prng, std::uint32_t most) {
  Endings drawn;
  drawn.refused = often(prng, most);
  drawn.lost_before = often(prng, most);
  drawn.lost_after = often(prng, most);
  drawn.late = often(prng, most);
  if (coin(prng)) drawn.quick_max = milliseconds(prng.between(1, 200));
  return drawn;
}

ProcessFaults process_faults(Prng& prng) {
  ProcessFaults drawn;
  drawn.crash_at_effect = often(prng, 1'000);
  drawn.crash_every = every(prng, seconds(15));
  drawn.down_max = milliseconds(prng.between(100, 12'000));
  drawn.freeze_every = every(prng, seconds(20));
  return drawn;
}

LinkFaults link_faults(Prng& prng) {
  LinkFaults drawn;
  drawn.cut_every = every(prng, seconds(10));
  drawn.stall_every = every(prng, seconds(10));
  drawn.next_life = often(prng, 1'000'000);
  if (coin(prng)) drawn.delay_max = milliseconds(prng.between(1, 150));
  return drawn;
}

UpstreamFaults upstream_faults(Prng& prng) {
  UpstreamFaults drawn;
  drawn.throttled = often(prng, 100'000);
  drawn.failed = often(prng, 200'000);
  drawn.refused = often(prng, 50'000);
  drawn.no_connect = often(prng, 100'000);
  drawn.hangs_up = often(prng, 100'000);
  drawn.late_answer = often(prng, 50'000);
  drawn.stuck = often(prng, 50'000);
  drawn.never_arrives = often(prng, 50'000);
  if (coin(prng)) drawn.answer_max = milliseconds(prng.between(20, 2'500));
  return drawn;
}

void draw_upstream_later(Prng& prng, UpstreamFaults& upstream) {
  if (prng.chance(250'000)) upstream.outage_every = seconds(prng.between(10, 60));
  if (prng.chance(250'000)) upstream.ban_every = seconds(prng.between(5, 30));
  if (prng.chance(200'000)) upstream.abnormal = often(prng, 20'000);
  if (prng.chance(200'000)) upstream.lost_end = often(prng, 100'000);
}

}  // namespace

Faults Faults::drawn(Prng& prng) {
  Faults all;
  all.link = link_faults(prng);
  for (ProcessFaults* one :
       {&all.ingest, &all.limiter, &all.dispatcher, &all.auditor, &all.alerter})
    if (coin(prng)) *one = process_faults(prng);
  if (coin(prng)) all.upstream = upstream_faults(prng);
  if (coin(prng)) all.queue.second_copy = often(prng, 300'000);
  for (Endings* one :
       {&all.store, &all.parking, &all.queue_calls, &all.trail, &all.ledger, &all.sinks})
    if (coin(prng)) *one = endings(prng, 100'000);
  // Calls to a store in the network overtake each other (DynamoDB); those to a disk do not.
  all.parking.in_order = coin(prng);
  all.store_step_every = every(prng, seconds(20));
  return all;
}

void Faults::draw_later(Prng& prng) {
  for (ProcessFaults* one : {&ingest, &limiter, &dispatcher, &auditor, &alerter}) {
    if (!prng.chance(250'000)) continue;
    one->stop_every = every(prng, seconds(10));
    one->stop_timeout = seconds(prng.between(1, 15));
  }
  for (ProcessFaults* one : {&ingest, &limiter, &dispatcher})
    if (prng.chance(100'000)) one->wall_leap_every = every(prng, seconds(20));
  for (ProcessFaults* one : {&auditor, &alerter})
    if (prng.chance(100'000)) one->down_max = seconds(60);
  draw_upstream_later(prng, upstream);
  if (prng.chance(250'000)) {
    store_as_whole.forget_every = every(prng, seconds(15));
    store_as_whole.with_limiter = often(prng, 1'000'000);
  }
  if (prng.chance(150'000)) {
    store_as_whole.leap_every = every(prng, seconds(15));
    store_as_whole.leap_max = seconds(prng.between(1, 120));
  }
  if (prng.chance(300'000)) people.every = seconds(prng.between(2, 30));
}

void Faults::draw_latest(Prng& prng) {
  if (prng.chance(300'000)) people.edit_every = seconds(prng.between(1, 20));
  if (coin(prng)) people.edit_late = milliseconds(prng.between(1, 500));
  store_as_whole.snapshot = often(prng, 1'000'000);
  store_as_whole.two_primaries = often(prng, 1'000'000);
}

void Faults::draw_costs(Prng& prng) {
  costs = endings(prng, 300'000);
  costs.in_order = coin(prng);
}

}  // namespace sluice::sim
