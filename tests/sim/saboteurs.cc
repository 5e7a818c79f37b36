#include "tests/sim/saboteurs.h"

#include <utility>

#include "lib/wire/identity.h"
#include "tests/sim/system.h"

namespace sluice::sim {
namespace {

using limiter::Mutations;

// The regular announcement would mend what these break, a minute later.
Saboteur mutation(const char* name, bool Mutations::*seam) {
  const auto plant = [seam](Settings& settings) {
    settings.limiter.mutations.*seam = true;
    settings.ingest.announce_every = hours(1);
  };
  return {name, plant, {}};
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

Saboteur drop_settled() {
  return {"drop every Settled of some identities", {}, [](System& system) {
            system.limiter().sabotage([](auto&, auto&& effect, auto& instead) {
              const auto* settled = sends<wire::Settled>(effect);
              if (settled && wire::short_hash(settled->identity) % 4 == 0) return;
              instead.push_back(std::move(effect));
            });
          }};
}

Saboteur one_slot_more() {
  return {"the store gives N + 1", [](Settings& settings) { settings.store_gives_more = 1; }, {}};
}

Saboteur torn_put() {
  return {"rule 5: a name without its row",
          [](Settings& settings) { settings.parking_tears = 200'000; },
          {}};
}

std::vector<Saboteur> all_saboteurs() {
  return {send_twice(),
          delete_on_receive(),
          mutation("settle before the record", &Mutations::settle_before_record),
          mutation("one grant too many", &Mutations::one_grant_too_many),
          one_slot_more(),
          drop_settled(),
          mutation("settled once and never again", &Mutations::never_settled_again),
          mutation("rule 1: rows are not announced", &Mutations::rows_not_announced),
          mutation("rule 1: any empty answer forgets a key", &Mutations::forget_on_any_empty),
          delete_before_put(),
          mutation("rule 3: a Want is said once", &Mutations::want_said_once),
          mutation("rule 3: a full line turns older rows away", &Mutations::no_overflow),
          mutation("rule 4: copies go beside rows", &Mutations::copies_beside_rows),
          torn_put(),
          mutation("a repeated grant is dispatched again", &Mutations::dispatch_same_twice),
          mutation("a penalty closes nothing", &Mutations::penalty_not_held)};
}

}  // namespace

const std::vector<Saboteur>& saboteurs() {
  static const std::vector<Saboteur> all = all_saboteurs();
  return all;
}

const Saboteur* find_saboteur(const std::string& name) {
  for (const Saboteur& one : saboteurs())
    if (one.name == name) return &one;
  return nullptr;
}

}  // namespace sluice::sim
