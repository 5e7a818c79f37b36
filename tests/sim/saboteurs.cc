#include "tests/sim/saboteurs.h"

#include <utility>

#include "lib/wire/identity.h"
#include "tests/sim/kinds.h"
#include "tests/sim/system.h"

namespace sluice::sim {
namespace {

using limiter::Mutations;

using Weather = std::function<void(Settings&, Faults&)>;

Saboteur mutation(const char* name, bool Mutations::*seam, Weather weather = {}) {
  const auto plant = [seam](Settings& settings) { settings.limiter.mutations.*seam = true; };
  return {name, plant, {}, std::move(weather)};
}

// One key of one ingest, nothing fails, and the limit lets through so many a second.
void one_key(Settings& settings, Faults& faults, std::uint32_t n_a_second) {
  faults = Faults::none();
  settings.ingests = settings.keys = 1;
  settings.messages = 90;
  settings.cancelled = settings.scheduled = settings.pressing = settings.queued = 0;
  Upstream& upstream = settings.upstreams.front();
  upstream.limits = {
      Limit{"per-key", LimitScope::kKey, n_a_second, seconds(1), n_a_second, seconds(1)}};
  upstream.expires_after = hours(96);
  settings.upstreams = {upstream};
  settings.share_upstreams();
}

// Keys of two or three messages: an answer that was read before the last row was there is heard
// after its announcement.
void crossing_answers(Settings& settings, Faults& faults) {
  one_key(settings, faults, 1'000);
  settings.keys = 100;
  settings.messages = 400;
  settings.sending = seconds(30);
  faults.parking.in_order = false;
  faults.parking.quick_max = milliseconds(400);
  settings.ingest.announce_every = hours(1);  // it would mend that, and nothing else is lost
}

// More rows than the line holds, some of which belong before it.
void pressing_rows(Settings& settings, Faults& faults) {
  one_key(settings, faults, 4);
  settings.sending = seconds(5);
  settings.pressing = 500'000;
  settings.limiter.line_min = 16;
  settings.limiter.line_span = seconds(1);
}

// More rows than the line holds, and queue copies of their key.
void copies_and_rows(Settings& settings, Faults& faults) {
  one_key(settings, faults, 4);
  settings.sending = seconds(10);
  settings.queued = 500'000;
  settings.limiter.line_min = 4;
  settings.limiter.line_span = seconds(1);
}

// A key's next grant is on its way back while an attempt of it is warned.
void warned_in_between(Settings& settings, Faults& faults) {
  one_key(settings, faults, 8);
  settings.sending = seconds(10);
  faults.upstream.throttled = 300'000;
  faults.store.refused = faults.store.lost_before = 100'000;
  faults.store.quick_max = milliseconds(200);
  settings.upstreams.front().in_flight_per_key = 3;
  settings.share_upstreams();
}

// Many wait in each key, one in some is warned, and answers take their time.
void warned_now_and_then(Settings& settings, Faults& faults) {
  one_key(settings, faults, 8);
  settings.keys = 2;
  settings.messages = 150;
  settings.sending = seconds(5);
  faults.upstream.throttled = 60'000;
  faults.upstream.retry_after_max = seconds(3);
  faults.upstream.answer_max = milliseconds(900);
  Upstream& upstream = settings.upstreams.front();
  upstream.limits.front().window = seconds(4);
  upstream.limits.front().guard = milliseconds(501);
  upstream.in_flight = 100;
  upstream.in_flight_per_key = 3;
  upstream.penalty_base = seconds(2);
  settings.share_upstreams();
}

// Dispatchers have a longer timeout than limiters, and there are answers that never come.
void longer_timeouts(Settings& settings, Faults& faults) {
  one_key(settings, faults, 4);
  settings.sending = seconds(10);
  faults.upstream.late_answer = 200'000;
  settings.upstreams.front().timeout = seconds(2);
  settings.upstreams.front().max_pause = seconds(3);
  settings.share_upstreams();
  settings.dispatcher.upstreams.front().timeout = seconds(20);
}

// Somebody pauses and resumes, again and again, and limiters do not live long.
void people_pause(Settings& settings, Faults& faults) {
  one_key(settings, faults, 2);
  settings.sending = seconds(40);
  settings.queued = 500'000;
  faults.people.every = seconds(2);
  faults.people.pause_max = seconds(10);
  faults.limiter.crash_every = seconds(5);
  faults.limiter.down_max = milliseconds(200);
}

// All keys share one limit, and more waits in each than it lets go.
void shared_by_keys(Settings& settings, Faults& faults) {
  faults = Faults::none();
  Prng prng(static_cast<std::uint64_t>(settings.messages));
  settings.be_shared(prng);
}

// One key with much that waits, and others that come now and then.
void one_busy_key(Settings& settings, Faults& faults) {
  one_key(settings, faults, 4);
  settings.keys = 20;
  settings.sending = seconds(40);
  Upstream& upstream = settings.upstreams.front();
  upstream.limits.front().window = seconds(4);
  upstream.limits.front().burst = 1;
  upstream.in_flight = 100;
  settings.limiter.unrecorded_max = 10'000;
  settings.share_upstreams();
}

// Often there is no connection: no attempt, however often that is.
void no_connections(Settings& settings, Faults& faults) {
  one_key(settings, faults, 8);
  settings.sending = seconds(10);
  settings.safety = minutes(2);
  faults.upstream.no_connect = 700'000;
}

// The same, and all of it comes by the queue.
void one_busy_key_of_copies(Settings& settings, Faults& faults) {
  one_busy_key(settings, faults);
  settings.queued = 1'000'000;
  settings.limiter.offers_max = 1'000;
}

using IngestEffect = ingest::IngestCore::Effect;
using IngestChange = std::function<void(System&, IngestEffect&&, std::vector<IngestEffect>&)>;

Saboteur of_ingests(const char* name, const IngestChange& change) {
  return {name, {}, [change](System& system) {
            for (auto& ingest : system.ingests())
              ingest->sabotage([&system, change](auto&, auto&& effect, auto& instead) {
                change(system, std::move(effect), instead);
              });
          }};
}

template <class Wanted, class Effect>
const Wanted* sends(const Effect& effect) {
  const auto* send = std::get_if<wire::Send>(&effect);
  return send ? std::get_if<Wanted>(&send->item) : nullptr;
}

Saboteur send_twice() {
  return {"send twice", {}, [](System& system) {
            for (auto& dispatcher : system.dispatchers())
              dispatcher->sabotage([](auto&, auto&& effect, auto& instead) {
                if (std::holds_alternative<dispatcher::StartHttp>(effect))
                  instead.push_back(effect);
                instead.push_back(std::move(effect));
              });
          }};
}

// A row is deleted as soon as it is offered, a queue copy as soon as it is received.
Saboteur delete_on_receive() {
  return of_ingests("delete on receive", [](System& system, auto&& effect, auto& instead) {
    if (const auto* offer = sends<wire::Offer>(effect)) {
      system.queue().lose(offer->identity);
      ingest::SettleRow settle;
      settle.settled.identity = offer->identity;
      instead.push_back(ingest::ParkingCall{UINT64_MAX, settle});
    }
    instead.push_back(std::move(effect));
  });
}

// Rule 2 out: a limiter's Park deletes the queue copy before the put was answered.
Saboteur delete_before_put() {
  return of_ingests("rule 2: a copy is deleted before its put is answered",
                    [](System& system, auto&& effect, auto& instead) {
                      if (const auto* call = std::get_if<ingest::ParkingCall>(&effect))
                        if (const auto* put = std::get_if<ingest::Put>(&call->call))
                          system.queue().lose(put->row.identity);
                      instead.push_back(std::move(effect));
                    });
}

Saboteur dispatch_twice() {
  return {"a grant is dispatched twice", {}, [](System& system) {
            for (auto& limiter : system.limiters())
              limiter->sabotage([](auto&, auto&& effect, auto& instead) {
                if (sends<wire::Dispatch>(effect)) instead.push_back(effect);
                instead.push_back(std::move(effect));
              });
          }};
}

Saboteur drop_settled() {
  return {"drop every Settled of some identities", {}, [](System& system) {
            for (auto& limiter : system.limiters())
              limiter->sabotage([](auto&, auto&& effect, auto& instead) {
                const auto* settled = sends<wire::Settled>(effect);
                if (settled && wire::short_hash(settled->identity) % 4 == 0) return;
                instead.push_back(std::move(effect));
              });
          }};
}

// Of messages that wait for long.
Saboteur stated_wrongly(const char* name, Duration by) {
  Saboteur one{name, {}, [by](System& system) {
                 for (auto& limiter : system.limiters())
                   limiter->sabotage([by](auto&, auto&& effect, auto& instead) {
                     auto* send = std::get_if<wire::Send>(&effect);
                     auto* quoted = send ? std::get_if<wire::Quoted>(&send->item) : nullptr;
                     if (quoted && quoted->departs_at > quoted->now + seconds(20))
                       quoted->departs_at = quoted->departs_at + by;
                     instead.push_back(std::move(effect));
                   });
               }};
  one.any_day = true;
  return one;
}

Saboteur recall_nothing() {
  return {"a limiter that is warned recalls nothing", {}, [](System& system) {
            for (auto& limiter : system.limiters())
              limiter->sabotage([](auto&, auto&& effect, auto& instead) {
                if (!sends<wire::Recall>(effect)) instead.push_back(std::move(effect));
              });
          }};
}

Saboteur keep_warnings() {
  return {"a dispatcher keeps a warning to itself", {}, [](System& system) {
            for (auto& dispatcher : system.dispatchers())
              dispatcher->sabotage([](auto&, auto&& effect, auto& instead) {
                if (!sends<wire::Penalty>(effect)) instead.push_back(std::move(effect));
              });
          }};
}

Saboteur no_deadline() {
  return {"a grant says no deadline",
          {},
          [](System& system) {
            for (auto& limiter : system.limiters())
              limiter->sabotage([](auto&, auto&& effect, auto& instead) {
                auto* send = std::get_if<wire::Send>(&effect);
                auto* dispatch = send ? std::get_if<wire::Dispatch>(&send->item) : nullptr;
                if (dispatch) dispatch->deadline = {};
                instead.push_back(std::move(effect));
              });
          },
          longer_timeouts};
}

// A connection that was never established is told as an attempt that failed.
Saboteur count_what_never_began() {
  return {"what never began counts as an attempt",
          {},
          [](System& system) {
            for (auto& dispatcher : system.dispatchers())
              dispatcher->sabotage([](auto&, auto&& effect, auto& instead) {
                auto* send = std::get_if<wire::Send>(&effect);
                auto* outcome = send ? std::get_if<wire::Outcome>(&send->item) : nullptr;
                if (outcome && outcome->ended == wire::Ended::kNotStarted) {
                  outcome->ended = wire::Ended::kFailed;
                  outcome->not_started = wire::NotStarted::kNone;
                }
                instead.push_back(std::move(effect));
              });
          },
          no_connections};
}

Saboteur expire_early() {
  return of_ingests("a message that waits expires after a second",
                    [](System&, auto&& effect, auto& instead) {
                      auto* send = std::get_if<wire::Send>(&effect);
                      auto* offer = send ? std::get_if<wire::Offer>(&send->item) : nullptr;
                      if (offer) offer->expires_at = offer->first_seen + seconds(1);
                      instead.push_back(std::move(effect));
                    });
}

Saboteur one_slot_more() {
  return {"the store gives N + 1", [](Settings& settings) { settings.store_gives_more = 1; }, {}};
}

// Windows are edited again and again, and others than keys' limits come and go.
void edited_windows(Settings& settings, Faults& faults) {
  one_key(settings, faults, 2);
  settings.sending = seconds(10);
  settings.upstreams.front().limits.front().window = seconds(2);
  settings.share_upstreams();
  faults.people.edit_every = seconds(3);
}

Saboteur forgetful_edits() {
  return {"an edit takes it that nothing went before",
          [](Settings& settings) { settings.edits_forget = true; },
          {},
          edited_windows};
}

Saboteur reopens_at_once() {
  return {"a warned key opens at once when its time is over",
          [](Settings& settings) { settings.warnings_pass = true; },
          {},
          warned_now_and_then};
}

Saboteur pauses_ignored() {
  return {"a pause is answered, and closes nothing",
          [](Settings& settings) {
            settings.pauses_pass = settings.limiter.mutations.pause_not_held = true;
          },
          {},
          people_pause};
}

// As long as its limiter lives and knows it, or an ingest announces it with rows, it would hold.
Saboteur pauses_not_kept() {
  return {"the store keeps no pause",
          [](Settings& settings) { settings.pauses_pass = true; },
          {},
          people_pause};
}

Saboteur crowds_after_warning() {
  return {"a warned key's attempts go side by side",
          [](Settings& settings) {
            settings.store_crowds = settings.limiter.mutations.crowds_after_warning = true;
          },
          {},
          warned_now_and_then};
}

Saboteur torn_put() {
  return {"rule 5: a name without its row",
          [](Settings& settings) { settings.parking_tears = 200'000; },
          {}};
}

std::vector<Saboteur> all_saboteurs() {
  return {
      send_twice(),
      delete_on_receive(),
      mutation("settle before the record", &Mutations::settle_before_record),
      mutation("one grant too many", &Mutations::one_grant_too_many),
      one_slot_more(),
      forgetful_edits(),
      drop_settled(),
      mutation("settled once and never again", &Mutations::never_settled_again),
      mutation("rule 1: rows are not announced", &Mutations::rows_not_announced),
      mutation("rule 1: any empty answer forgets a key", &Mutations::forget_on_any_empty,
               crossing_answers),
      delete_before_put(),
      mutation("rule 3: a Want is said once", &Mutations::want_said_once),
      mutation("rule 3: a full line turns older rows away", &Mutations::no_overflow, pressing_rows),
      mutation("rule 4: copies go beside rows", &Mutations::copies_beside_rows, copies_and_rows),
      torn_put(),
      dispatch_twice(),
      no_deadline(),
      mutation("a penalty closes nothing", &Mutations::penalty_not_held, warned_in_between),
      count_what_never_began(),
      expire_early(),
      mutation("a key's full window stops its upstream", &Mutations::one_key_stops_all,
               one_busy_key),
      reopens_at_once(),
      crowds_after_warning(),
      pauses_ignored(),
      pauses_not_kept(),
      mutation("turns are not taken", &Mutations::turns_not_taken, shared_by_keys),
      mutation("a key's full window stops its upstream's queue copies",
               &Mutations::one_key_stops_all, one_busy_key_of_copies),
      recall_nothing(),
      stated_wrongly("a departure is stated too soon", seconds(-3)),
      stated_wrongly("a departure is stated too late", seconds(1)),
      keep_warnings()};
}

}  // namespace

const std::vector<Saboteur>& saboteurs() {
  static const std::vector<Saboteur> all = [] {
    std::vector<Saboteur> found = all_saboteurs();
    for (auto& more : {store_saboteurs(), limit_saboteurs(), door_saboteurs(), order_saboteurs()})
      found.insert(found.end(), more.begin(), more.end());
    return found;
  }();
  return all;
}

const std::vector<Saboteur>& weathers() {
  static const std::vector<Saboteur> all = [] {
    std::vector<Saboteur> found;
    for (const Saboteur& one : saboteurs())
      if (one.weather) found.push_back({one.name + ", not planted", {}, {}, one.weather});
    return found;
  }();
  return all;
}

const Saboteur* find_saboteur(const std::string& name) {
  for (const auto* list : {&saboteurs(), &weathers(), &kinds()})
    for (const Saboteur& one : *list)
      if (one.name == name) return &one;
  return nullptr;
}

}  // namespace sluice::sim
