// Planted bugs of edits: a person's word about limits is not kept, is kept twice, or undone.
#include "tests/sim/saboteurs.h"

namespace sluice::sim {
namespace {

Saboteur bug(const char* name, bool EditBugs::*which) {
  Saboteur one;
  one.name = name;
  one.any_day = true;
  one.settings = [which](Settings& settings) { settings.edit_bugs.*which = true; };
  return one;
}

// More waits in each of two keys than may go, and limits are edited again and again.
void edited(Settings& settings, Faults& faults) {
  faults = Faults::none();
  settings.limiters = settings.ingests = 2;
  settings.keys = 2;
  settings.messages = 90;
  settings.sending = seconds(20);
  settings.cancelled = settings.scheduled = settings.pressing = settings.queued = 0;
  Upstream& upstream = settings.upstreams.front();
  upstream.limits = {Limit{"per-key", LimitScope::kKey, 3, seconds(3), 3, seconds(1)}};
  upstream.expires_after = hours(96);
  settings.upstreams = {upstream};
  settings.share_upstreams();
  faults.people.edit_every = seconds(2);
}

}  // namespace

std::vector<Saboteur> limit_saboteurs() {
  Saboteur old_limits = bug("old limits are used after a 200", &EditBugs::not_taken);
  old_limits.any_day = false;
  old_limits.weather = edited;
  return {std::move(old_limits),
          bug("an edit is taken whatever it was made from", &EditBugs::whatever_holds),
          bug("an edit is said to the store once more, later", &EditBugs::said_again),
          bug("a limiter that starts undoes an edit", &EditBugs::starts_undo),
          bug("a limiter that goes by other limits is granted", &EditBugs::any_version)};
}

}  // namespace sluice::sim
