// Saboteurs: of what goes in order.
#include <utility>

#include "lib/wire/words.h"
#include "tests/sim/saboteurs.h"
#include "tests/sim/system.h"

namespace sluice::sim {
namespace {

using Effect = ingest::IngestCore::Effect;

// What each ingest asks for is changed; nothing in its place: it does not happen.
template <class Change>
Saboteur of_ingests(const char* name, Change change) {
  return {name, {}, [change](System& system) {
            for (auto& ingest : system.ingests())
              ingest->sabotage([change](auto&, auto&& effect, auto& instead) {
                if (change(effect)) instead.push_back(std::forward<decltype(effect)>(effect));
              });
          }};
}

template <class Item>
Item* sends(Effect& effect) {
  auto* send = std::get_if<wire::Send>(&effect);
  return send ? std::get_if<Item>(&send->item) : nullptr;
}

template <class Call>
Call* parks(Effect& effect) {
  auto* call = std::get_if<ingest::ParkingCall>(&effect);
  return call ? std::get_if<Call>(&call->call) : nullptr;
}

// All of it goes in order, many attempts fail, and the queue's clock says what it likes.
void in_groups(Settings& settings, Faults& faults) {
  faults = Faults::none();
  settings.ingests = 1;
  settings.messages = 90;
  settings.cancelled = settings.scheduled = settings.pressing = 0;
  settings.keys = 3;
  settings.sending = seconds(10);
  settings.queued = settings.in_order = 1'000'000;
  settings.limiter.park_after = milliseconds(200);
  faults.upstream.failed = 200'000;
  Upstream& upstream = settings.upstreams.front();
  upstream.limits = {Limit{"per-key", LimitScope::kKey, 8, seconds(1), 8, seconds(1)}};
  upstream.expires_after = hours(96);
  upstream.backoff_base = seconds(1);
  upstream.in_flight = 100;
  upstream.in_flight_per_key = 3;
  settings.upstreams = {upstream};
  settings.share_upstreams();
}

// What is refused stops its key.
void dead_in_groups(Settings& settings, Faults& faults) {
  in_groups(settings, faults);
  settings.stops = 1'000'000;
  faults.upstream.refused = 100'000;
}

// What has another one's identity stops its key.
void rivals_in_groups(Settings& settings, Faults& faults) {
  in_groups(settings, faults);
  settings.stops = 1'000'000;
  settings.otherwise = 200'000;
}

Saboteur order_unsaid() {
  Saboteur one = of_ingests("offers do not say that they go in order", [](Effect& effect) {
    if (auto* offer = sends<wire::Offer>(effect)) offer->in_order = false;
    return true;
  });
  one.weather = in_groups;
  return one;
}

Saboteur stop_unsaid() {
  Saboteur one = of_ingests("a dead message stops nobody", [](Effect& effect) {
    if (auto* offer = sends<wire::Offer>(effect)) offer->stops_dead = false;
    if (auto* put = parks<ingest::Put>(effect)) put->row.stops_dead = false;
    return true;
  });
  one.weather = dead_in_groups;
  return one;
}

// Neither in parking nor to limiters.
Saboteur stop_unsaid_of_no_row() {
  Saboteur one = of_ingests("what dies before it is a row stops nobody", [](Effect& effect) {
    const auto is_stop = [](const wire::Hold& hold) { return hold.by == wire::kDeadMessage; };
    if (auto* set = parks<ingest::SetHolds>(effect)) std::erase_if(set->holds, is_stop);
    if (auto* parked = sends<wire::Parked>(effect)) std::erase_if(parked->holds, is_stop);
    const auto* word = sends<wire::Control>(effect);
    return word == nullptr || word->by != wire::kDeadMessage;
  });
  one.weather = rivals_in_groups;
  return one;
}

Saboteur by_sent_time() {
  return {"rows that go in order have their sent time's",
          [](Settings& settings) { settings.rows_by_sent_time = true; },
          {},
          in_groups};
}

Saboteur retry_gives_way() {
  return {"a retry gives way to what is behind it",
          [](Settings& settings) { settings.limiter.mutations.retry_gives_way = true; },
          {},
          in_groups};
}

}  // namespace

std::vector<Saboteur> order_saboteurs() {
  return {by_sent_time(), order_unsaid(), stop_unsaid(), stop_unsaid_of_no_row(),
          retry_gives_way()};
}

}  // namespace sluice::sim
