// Planted bugs of a store that forgets, is served by two at once, or evicts; and of limiters that
// share it. Each has the weather in which it shows.
#include "tests/sim/saboteurs.h"

namespace sluice::sim {
namespace {

// Two limiters, four keys of which each has more than it may send, and a store that is lost again
// and again. Short leases, so that closures end while faults last.
void lost_store(Settings& settings, Faults& faults) {
  faults = Faults::none();
  settings.limiters = settings.ingests = 2;
  settings.keys = 4;
  settings.messages = 90;
  settings.sending = seconds(80);
  settings.safety = minutes(2);
  settings.cancelled = settings.scheduled = settings.pressing = settings.queued = 0;
  settings.ingest.announce_every = seconds(5);
  Upstream& upstream = settings.upstreams.front();
  upstream.limits = {Limit{"per-key", LimitScope::kKey, 2, seconds(4), 2, seconds(1)}};
  upstream.timeout = seconds(1);
  upstream.max_pause = seconds(3);
  upstream.unknown_hold = seconds(2);
  upstream.on_unknown = OnUnknown::kResend;
  upstream.expires_after = hours(96);
  settings.upstreams = {upstream};
  settings.share_upstreams();
  faults.store_as_whole.forget_every = seconds(15);
}

void lost_often(Settings& settings, Faults& faults) {
  lost_store(settings, faults);
  settings.keys = 1;
  faults.store_as_whole.forget_every = seconds(4);
}

// Long after a replica was promoted its primary serves one of the two limiters.
void two_primaries(Settings& settings, Faults& faults) {
  lost_store(settings, faults);
  Limit& limit = settings.upstreams.front().limits.front();
  limit.scope = LimitScope::kUpstream;  // which both ask for
  settings.share_upstreams();
  settings.store_overlap = faults.store_as_whole.overlap_max = seconds(40);
  settings.safety = minutes(3);
  faults.store_as_whole.forget_every = seconds(20);
  faults.store_as_whole.two_primaries = 1'000'000;
}

// People pause, and then the store forgets together with the limiters, while an ingest is away.
void lost_pauses(Settings& settings, Faults& faults) {
  lost_store(settings, faults);
  settings.keys = 2;
  settings.ingests = 2;
  settings.safety = minutes(3);
  settings.sending = minutes(2);
  faults.people.every = seconds(10);
  faults.people.pause_max = minutes(2);
  faults.parking.quick_max = milliseconds(300);
  faults.store_as_whole.forget_every = seconds(40);
  faults.store_as_whole.with_limiter = 1'000'000;
  faults.ingest.crash_every = seconds(15);
  faults.ingest.down_max = seconds(60);
}

Saboteur lives_not_compared() {
  return {"the store takes another life for its own",
          [](Settings& settings) { settings.lives_pass = true; },
          {},
          lost_often};
}

Saboteur no_overlap() {
  return {"a closure allows for no second primary",
          [](Settings& settings) { settings.store_overlap = Duration{0}; },
          {},
          two_primaries};
}

Saboteur evicted_logs() {
  return {"the store evicts logs",
          [](Settings& settings) { settings.store_evicts = true; },
          {},
          [](Settings& settings, Faults& faults) {
            lost_store(settings, faults);
            faults.store_as_whole.forget_every = Duration{0};
          }};
}

Saboteur opens_unheard() {
  return {"a shard opens whatever was not announced",
          [](Settings& settings) { settings.limiter.mutations.opens_unheard = true; },
          {},
          lost_pauses};
}

// Limiters do not live long, and attempts longer.
void short_lives(Settings& settings, Faults& faults) {
  lost_store(settings, faults);
  settings.upstreams.front().timeout = seconds(3);
  settings.share_upstreams();
  faults.store_as_whole.forget_every = Duration{0};
  faults.upstream.answer_max = milliseconds(2'500);
  faults.limiter.crash_every = seconds(4);
  faults.limiter.down_max = milliseconds(300);
}

void leaping_clock(Settings& settings, Faults& faults) {
  lost_store(settings, faults);
  faults.store_as_whole.forget_every = Duration{0};
  faults.store_as_whole.leap_every = seconds(6);
  faults.store_as_whole.leap_max = seconds(5);
}

// Requests lie in somebody's buffer, and arrive when all have given them up.
void stuck_requests(Settings& settings, Faults& faults) {
  lost_store(settings, faults);
  Upstream& upstream = settings.upstreams.front();
  upstream.limits.front().window = seconds(2);
  upstream.unknown_hold = seconds(8);
  settings.share_upstreams();
  faults.store_as_whole.forget_every = Duration{0};
  faults.upstream.stuck = 400'000;
}

Saboteur bug(const char* name, bool StoreBugs::*which, void (*weather)(Settings&, Faults&)) {
  const auto plant = [which](Settings& settings) { settings.store_bugs.*which = true; };
  return {name, plant, {}, weather};
}

}  // namespace

std::vector<Saboteur> store_saboteurs() {
  return {lives_not_compared(),
          no_overlap(),
          evicted_logs(),
          opens_unheard(),
          bug("a grant of another life is taken", &StoreBugs::old_lives_taken, short_lives),
          bug("a clock that leapt is believed", &StoreBugs::clock_believed, leaping_clock),
          bug("what is unknown has arrived", &StoreBugs::unknown_passes, stuck_requests),
          bug("a closure is told to one limiter alone", &StoreBugs::closures_hidden, lost_pauses)};
}

}  // namespace sluice::sim
