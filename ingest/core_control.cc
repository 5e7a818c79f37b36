// Ingest's core: what persons want of a key or an upstream. A hold is in the key's item in parking
// before anything else hears of it, so that it outlives every limiter and comes back with Parked;
// it is taken out of there before a limiter hears that it is over. The upstream's own holds are in
// the item of its name, which no key has: a key is "<upstream>:<field>".
#include <algorithm>
#include <utility>

#include "ingest/core.h"
#include "lib/base/mark.h"
#include "lib/wire/valid.h"
#include "lib/wire/words.h"

namespace sluice::ingest {

namespace {

constexpr Duration kRetry = seconds(1);
constexpr Duration kHearWait = seconds(5);
constexpr std::uint32_t kRoundsMax = 3;  // that a word is said anew, later than another one

const std::string& item_of(const ControlKey& ask) {
  return ask.key.empty() ? ask.upstream : ask.key;
}

}  // namespace

void IngestCore::control(const ControlKey& asked, const Turn& turn) {
  const std::uint64_t request_id = asked.request_id;
  if (room() == 0) {
    const char* why = draining_ ? "stopping" : "too many requests at once";
    return respond(request_id, Unavailable{why, kRetry}, turn);
  }
  if (!begin_control(asked, {}, turn)) {
    respond(request_id, Unavailable{"another change of it is under way", kRetry}, turn);
  }
}

// One change of an item at a time. `dead`: what dies, and says so itself.
bool IngestCore::begin_control(const ControlKey& asked, const std::string& dead, const Turn& turn) {
  const std::uint64_t request_id = asked.request_id;
  if (!controlled_items_.insert(item_of(asked)).second) return false;
  Controlling& controlling = controls_[request_id];
  controlling.ask = asked;
  controlling.dead = dead;
  controlling.key = {asked.key, asked.upstream, 0, 0, {}};
  if (asked.verb == wire::Verb::kConsume) {
    tell_control(request_id, turn);
  } else {
    park(LookupId{config_.source, {}, item_of(asked)}, ForControl{request_id}, turn);
  }
  return true;
}

void IngestCore::control_parked(std::uint64_t request_id, const ParkingAnswer& answer,
                                const Turn& turn) {
  Controlling& controlling = controls_.at(request_id);
  if (const auto* found = std::get_if<LookupAnswer>(&answer)) {
    controlling.key.count = found->key.count;
    controlling.key.head_order = found->key.head_order;
    controlling.key.holds = found->key.holds;
    return write_holds(controlling, turn);
  }
  if (!std::holds_alternative<Acknowledged>(answer)) {
    return answer_control(request_id, unavailable(answer), turn);
  }
  KeyFacts item = controlling.key;
  item.key = item_of(controlling.ask);
  tell_control(request_id, turn);
  for (auto& [peer, to] : limiters_) announce_holds(to, item, turn);
  announce_key(item, turn);
}

void IngestCore::write_holds(Controlling& controlling, const Turn& turn) {
  const ControlKey& ask = controlling.ask;
  KeyFacts& key = controlling.key;
  drop_forgotten_holds(key, wall(turn.now));
  const wire::Hold* last = wire::word_among(key.holds);
  StoreTime said_at = std::max(wall(turn.now), StoreTime{controlling.later.said_at.us + 1});
  if (last != nullptr) said_at = std::max(said_at, StoreTime{last->said_at.us + 1});
  const bool opens = ask.verb == wire::Verb::kResume;
  const StoreTime until = opens ? wire::kOpened : ask.until;
  wire::take_in(key.holds, {wire::HoldKind::kPause, until, ask.by, said_at});
  controlling.said_at = said_at;
  park(SetHolds{item_of(ask), ask.upstream, key.holds}, ForControl{ask.request_id}, turn);
}

// What closes or opens concerns every limiter: who had the key may hold a grant for it, and who has
// heard of its pause must hear of its end. What charges is said to one, which charges once.
void IngestCore::tell_control(std::uint64_t request_id, const Turn& turn) {
  Controlling& controlling = controls_.at(request_id);
  if (controlling.ask.verb == wire::Verb::kConsume) {
    if (Limiter* to = owner(item_of(controlling.ask))) tell_limiter(*to, request_id, turn);
  } else {
    for (auto& [peer, to] : limiters_) {
      if (!to.leaves) tell_limiter(to, request_id, turn);
    }
  }
  if (controlling.open == 0) end_control(request_id, turn);
}

void IngestCore::tell_limiter(Limiter& to, std::uint64_t request_id, const Turn& turn) {
  Controlling& controlling = controls_.at(request_id);
  const ControlKey& ask = controlling.ask;
  wire::Control word;
  word.control_id = ++last_id_;
  word.verb = ask.verb;
  word.upstream = ask.upstream;
  word.key = ask.key;
  word.amount = ask.amount;
  word.until = ask.until;
  word.by = ask.by;
  word.said_at = controlling.said_at;
  told_[word.control_id] = {request_id, to.up.peer};
  at(turn.now + kHearWait, Due::kControl, word.control_id);
  ++controlling.open;
  turn.out.push(wire::Send{to.up.peer, std::move(word)});
}

void IngestCore::controlled(const wire::Controlled& answer, const Turn& turn) {
  if (limits_asked_.contains(answer.control_id)) return limits_answered(answer, turn);
  if (const auto told = told_.find(answer.control_id); answer.stale && told != told_.end()) {
    wire::Hold& later = controls_.at(told->second.request_id).later;
    if (answer.at > later.said_at) later = {wire::HoldKind::kPause, {}, answer.by, answer.at};
  }
  if (!answer.done) return control_unheard(answer.control_id, answer.error, turn);
  const auto told = told_.extract(answer.control_id);
  if (told.empty()) return;
  const std::uint64_t request_id = told.mapped().request_id;
  Controlling& controlling = controls_.at(request_id);
  ++controlling.heard;
  if (--controlling.open == 0) end_control(request_id, turn);
}

void IngestCore::control_unheard(std::uint64_t control_id, const std::string& why,
                                 const Turn& turn) {
  if (limits_asked_.contains(control_id)) return limits_unheard(control_id, why, turn);
  const auto told = told_.extract(control_id);
  if (told.empty()) return;
  const std::uint64_t request_id = told.mapped().request_id;
  Controlling& controlling = controls_.at(request_id);
  controlling.trouble = why;
  if (--controlling.open == 0) end_control(request_id, turn);
}

// A pause that no limiter has heard holds all the same: whoever comes learns it with Parked. What
// opens a key or charges it must have been heard.
void IngestCore::end_control(std::uint64_t request_id, const Turn& turn) {
  Controlling& controlling = controls_.at(request_id);
  const wire::Hold& later = controlling.later;
  const bool overtaken = later.said_at.us != 0 && later.said_at >= controlling.said_at;
  if (overtaken && later.by == wire::kDeadMessage) return end_stopped(request_id, turn);
  // Who asked had not heard of that later word: what is asked for now is to count.
  if (overtaken && controlling.rounds < kRoundsMax) {
    MARK("ingest: a word is said anew, as a later one is known elsewhere");
    ++controlling.rounds;
    controlling.heard = 0;
    controlling.trouble.clear();
    return write_holds(controlling, turn);
  }
  const bool heard = controlling.heard > 0 && controlling.trouble.empty();
  if (!heard && controlling.ask.verb != wire::Verb::kPause) {
    const std::string why =
        controlling.trouble.empty() ? "no limiter is connected: say it again" : controlling.trouble;
    return answer_control(request_id, Unavailable{why, kRetry}, turn);
  }
  drop_ended_holds(controlling.key, wall(turn.now));
  answer_control(request_id, ControlTaken{controlling.key, heard, controlling.ask.amount}, turn);
}

// A message has died since then, and stops its key. Who asked spoke of what was before, and only
// who has heard of that death may open what waits behind it. What was to close it is closed.
void IngestCore::end_stopped(std::uint64_t request_id, const Turn& turn) {
  MARK("ingest: a message has died since somebody spoke of its key");
  const Controlling& controlling = controls_.at(request_id);
  const wire::Word word{controlling.ask.upstream, controlling.ask.key, controlling.later};
  FrontAnswer answer = Unavailable{"a message has died since: look, and say it again", kRetry};
  if (controlling.ask.verb == wire::Verb::kPause) {
    KeyFacts key = controlling.key;
    wire::take_in(key.holds, word.hold);
    drop_ended_holds(key, wall(turn.now));
    answer = ControlTaken{std::move(key), true};
  }
  answer_control(request_id, std::move(answer), turn);
  keep(word, turn);
}

void IngestCore::answer_control(std::uint64_t request_id, FrontAnswer answer, const Turn& turn) {
  const auto over = controls_.extract(request_id);
  const Controlling& controlling = over.mapped();
  controlled_items_.erase(item_of(controlling.ask));
  if (controlling.dead.empty()) return respond(request_id, std::move(answer), turn);
  key_stopped(controlling, std::holds_alternative<ControlTaken>(answer), turn);
}

// Holds are announced to everyone, with rows to the key's owner (announce_key), and without to all
// others: of a store that has forgotten its pauses each limiter knows them all before it opens.
// What has ended on the way is taken out of parking.
void IngestCore::announce_holds(Limiter& to, KeyFacts key, const Turn& turn) {
  if (key.holds.empty() || (key.count > 0 && owner(key.key) == &to)) return;
  drop_forgotten_holds(key, wall(turn.now));
  // No message has such a key, and no limiter takes its name.
  if (wire::text_trouble(key.key) != nullptr) key.holds.clear();
  if (key.holds.empty() && key.count == 0 && !controlled_items_.contains(key.key)) {
    return park(SetHolds{key.key, key.upstream, {}}, ForNobody{}, turn);
  }
  key.count = 0;
  if (!key.holds.empty()) say_parked(to, key, turn);
}

}  // namespace sluice::ingest
