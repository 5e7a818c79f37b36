// Ingest's core: what producers ask. A submission is looked up and, if it is new, quoted; then it
// is refused, or put into parking and answered once that has committed, or once it was sent into
// its queue (core_door.cc).
#include <algorithm>
#include <utility>

#include "ingest/admission.h"
#include "ingest/core.h"
#include "ingest/name.h"
#include "ingest/order.h"
#include "lib/base/mark.h"

namespace sluice::ingest {

namespace {

constexpr Duration kRetry = seconds(1);

}  // namespace

Unavailable unavailable(const ParkingAnswer& answer) {
  const auto* failed = std::get_if<ParkingFailed>(&answer);
  return {failed != nullptr ? failed->what : "parking gave an answer to another question", kRetry};
}

void IngestCore::respond(std::uint64_t request_id, FrontAnswer answer, const Turn& turn) {
  if (std::holds_alternative<Unavailable>(answer)) ++counts_.unavailable;
  turn.out.push(Respond{request_id, std::move(answer)});
}

// ---- submissions

void IngestCore::submit(const Submit& submitted, const Turn& turn) {
  if (door_room() == 0) {
    MARK("ingest: no room for a submission");
    return respond(submitted.request_id,
                   Unavailable{draining_ ? "stopping" : "too many requests at once", kRetry}, turn);
  }
  wall_ = submitted.at;
  wall_learnt_ = turn.now;
  Admission admission{submitted, 0, false, std::nullopt, std::nullopt, false};
  // Strictly growing, so that what arrived in the same microsecond keeps its order.
  last_seen_ = std::max(last_seen_ + microseconds(1), submitted.at);
  complete_row(admission.submit.message, config_, last_seen_);
  const wire::Offer& m = admission.submit.message;
  admission.before = before_put_[m.key]++;
  LookupId question{m.source, m.id, m.key, m.order};
  admissions_.insert_or_assign(submitted.request_id, std::move(admission));
  park(std::move(question), ForSubmit{submitted.request_id}, turn);
}

void IngestCore::no_longer_before(const std::string& key) {
  const auto count = before_put_.find(key);
  if (count != before_put_.end() && --count->second == 0) before_put_.erase(count);
}

void IngestCore::end_submit(std::uint64_t request_id, FrontAnswer answer, const Turn& turn) {
  const auto entry = admissions_.find(request_id);
  if (entry == admissions_.end()) return;
  if (!entry->second.put) no_longer_before(entry->second.submit.message.key);
  admissions_.erase(entry);
  if (const auto* accepted = std::get_if<Accepted>(&answer)) {
    ++(accepted->repeat ? counts_.repeated : counts_.accepted);
  }
  if (std::holds_alternative<TooMany>(answer)) ++counts_.refused_wait;
  if (std::holds_alternative<Conflict>(answer)) ++counts_.refused_conflict;
  respond(request_id, std::move(answer), turn);
}

void IngestCore::submit_answered(std::uint64_t request_id, const ParkingAnswer& answer,
                                 const Turn& turn) {
  if (const auto* put = std::get_if<PutAnswer>(&answer)) {
    return put_answered(request_id, *put, turn);
  }
  if (const auto* found = std::get_if<LookupAnswer>(&answer)) {
    return looked_before_put(request_id, *found, turn);
  }
  end_submit(request_id, unavailable(answer), turn);
}

void IngestCore::looked_before_put(std::uint64_t request_id, const LookupAnswer& answer,
                                   const Turn& turn) {
  Admission& admission = admissions_.at(request_id);
  const wire::Offer& m = admission.submit.message;
  wire::Quote quote_it{0, m.upstream, m.key, {}, 0, m.cost, m.not_before};
  if (answer.name) {
    const Name& known = *answer.name;
    if (known.key != m.key || known.content_hash != m.content_hash) {
      MARK("ingest: a known id comes with another key or other bytes");
      return end_submit(request_id, Conflict{known.key != m.key}, turn);
    }
    if (has_ended(known.state)) {
      MARK("ingest: a message is said again that has ended");
      return end_submit(request_id, Accepted{known, std::nullopt, true}, turn);
    }
    admission.known = known;
    admission.repeat = true;
  }
  if (answer.name && answer.name->state == NameState::kWaiting) {
    MARK("ingest: a message is said again that waits");
    announce_key(answer.key, turn);  // whoever put it may not have heard that it did
    quote_it.identity = answer.name->identity;
    if (!answer.ahead) return decide(request_id, turn);
    quote_it.ahead = *answer.ahead;
  } else {
    // Those received before it and not yet put are ahead too; rows of later times are not, however
    // many wait for next week. Those that have settled, and of which
    // Forgotten was not said yet, the limiter takes off.
    quote_it.ahead = admission.before + answer.ahead.value_or(answer.key.count);
  }
  if (!quote({request_id, 0}, std::move(quote_it), turn)) decide(request_id, turn);
}

void IngestCore::decide(std::uint64_t request_id, const Turn& turn) {
  const auto entry = admissions_.find(request_id);
  if (entry == admissions_.end() || entry->second.put) return;
  const Admission& admission = entry->second;
  if (admission.known && admission.known->state == NameState::kAccepted) {
    MARK("ingest: a message is said again that may not be in its queue");
    return send_posted(request_id, turn);
  }
  if (admission.known) {
    return end_submit(request_id, Accepted{*admission.known, admission.forecast, true}, turn);
  }
  const std::uint32_t cost_max = admission.forecast ? admission.forecast->cost_max : 0;
  if (cost_max != 0 && admission.submit.message.cost > cost_max) {
    return end_submit(request_id, TooCostly{cost_max, admission.forecast->limit},
                      turn);  // it would be taken only to die
  }
  const Duration max_wait =
      max_wait_of(config_.max_wait, find_upstream(config_, admission.submit.message.upstream));
  // Until its own not_before it waits because it was told to.
  const StoreTime now = admission.forecast ? admission.forecast->now : StoreTime{};
  const Duration told = std::max(Duration{0}, admission.submit.message.not_before - now);
  const Verdict verdict = judge(admission.submit.preference, admission.forecast, max_wait + told);
  if (verdict.take) return put(request_id, turn);
  MARK("ingest: a message would wait too long");
  end_submit(request_id, TooMany{verdict.retry_after, *admission.forecast}, turn);
}

void IngestCore::put(std::uint64_t request_id, const Turn& turn) {
  Admission& admission = admissions_.at(request_id);
  admission.put = true;
  const wire::Offer& m = admission.submit.message;
  no_longer_before(m.key);
  Put call{m, true, admission.submit.at};
  if (!config_.door_queue.empty()) call.accept_until = m.expires_at + config_.remember;
  park(std::move(call), ForSubmit{request_id}, turn);
}

void IngestCore::put_answered(std::uint64_t request_id, const PutAnswer& answer, const Turn& turn) {
  announce_key(answer.key, turn);
  Admission& admission = admissions_.at(request_id);
  if (answer.end == PutEnd::kTooLarge) {
    MARK("ingest: a message is larger than a row may be");
    return end_submit(request_id, TooLarge{}, turn);
  }
  if (answer.end == PutEnd::kOther) {
    MARK("ingest: two contents of an id are put at once");
    const bool key = answer.name.key != admission.submit.message.key;
    return end_submit(request_id, Conflict{key}, turn);
  }
  admission.known = answer.name;
  admission.repeat = answer.end == PutEnd::kSame;
  if (answer.name.state == NameState::kAccepted) return send_posted(request_id, turn);
  end_submit(request_id, Accepted{answer.name, admission.forecast, admission.repeat}, turn);
}

// ---- quotes

bool IngestCore::quote(Asking asking, wire::Quote quote, const Turn& turn) {
  const Limiter* to = owner(quote.key);
  if (to == nullptr) return false;
  quote.quote_id = ++last_id_;
  quotes_[quote.quote_id] = asking;
  at(turn.now + config_.quote_wait, Due::kQuote, quote.quote_id);
  turn.out.push(wire::Send{to->up.peer, std::move(quote)});
  return true;
}

void IngestCore::quoted(const wire::Quoted& answer, const Turn& turn) {
  const auto quote = quotes_.find(answer.quote_id);
  if (quote == quotes_.end()) {  // later than it was waited for
    MARK("ingest: a quote comes late");
    return;
  }
  const Asking asking = quote->second;
  quotes_.erase(quote);
  quote_ended(asking, answer, turn);
}

void IngestCore::quote_ended(const Asking& asking, const Forecast& forecast, const Turn& turn) {
  const std::uint64_t request_id = asking.request_id;
  const auto listing = listings_.find(request_id);
  if (listing != listings_.end()) {
    listing->second.listed.forecasts[asking.place] = forecast;
    if (--listing->second.open == 0) end_list(request_id, turn);
    return;
  }
  if (keys_looked_.contains(request_id)) return end_key(request_id, forecast, turn);
  if (lookings_.contains(request_id)) return end_lookup(request_id, forecast, turn);
  const auto entry = admissions_.find(request_id);
  if (entry == admissions_.end()) return;
  entry->second.forecast = forecast;
  decide(request_id, turn);
}

// ---- lookups and cancellations

void IngestCore::looked(const ForLookup& purpose, const ParkingAnswer& answer, const Turn& turn) {
  const std::uint64_t request_id = purpose.request_id;
  const auto* found = std::get_if<LookupAnswer>(&answer);
  if (found == nullptr) return respond(request_id, unavailable(answer), turn);
  if (!found->name || !purpose.scope.covers(found->name->upstream, found->name->key)) {
    return respond(request_id, NotFound{}, turn);
  }
  const Name& name = *found->name;
  lookings_.insert_or_assign(request_id, Looking{name, found->ahead});
  const std::uint64_t ahead = found->ahead.value_or(0);
  wire::Quote about{0, name.upstream, name.key, name.identity, ahead, 0, {}};
  const bool asks = name.state == NameState::kWaiting && found->ahead;
  if (asks && quote({request_id, 0}, std::move(about), turn)) return;
  end_lookup(request_id, std::nullopt, turn);
}

void IngestCore::end_lookup(std::uint64_t request_id, const Forecast& forecast, const Turn& turn) {
  const auto looking = lookings_.extract(request_id);
  respond(request_id, Found{looking.mapped().name, looking.mapped().ahead, forecast}, turn);
}

// Who may not see every message is asked for its key before anything is marked: a key never
// changes.
void IngestCore::cancel(const Cancel& asked, const Turn& turn) {
  if (asked.scope.whole()) {
    return park(MarkCancelled{config_.posted_source(), asked.id},
                ForCancel{asked.request_id, {}, {}}, turn);
  }
  park(LookupId{config_.posted_source(), asked.id, {}},
       ForCancel{asked.request_id, asked.id, asked.scope}, turn);
}

// The row is offered out of turn, marked: the limiter settles it without an attempt.
void IngestCore::cancel_answered(const ForCancel& purpose, const ParkingAnswer& answer,
                                 const Turn& turn) {
  const std::uint64_t request_id = purpose.request_id;
  if (const auto* found = std::get_if<LookupAnswer>(&answer)) {
    if (!found->name || !purpose.scope.covers(found->name->upstream, found->name->key)) {
      return respond(request_id, NotFound{}, turn);
    }
    return park(MarkCancelled{config_.posted_source(), purpose.id}, ForCancel{request_id, {}, {}},
                turn);
  }
  const auto* marked = std::get_if<CancelAnswer>(&answer);
  if (marked == nullptr) return respond(request_id, unavailable(answer), turn);
  if (!marked->name) {
    MARK("ingest: nobody knows what is to be cancelled");
    return respond(request_id, NotFound{}, turn);
  }
  respond(request_id, CancelTaken{*marked->name}, turn);
  if (!marked->row) {
    MARK("ingest: what is to be cancelled has ended");  // or its row is still to come
    return;
  }
  offer_out_of_turn(*marked->row, turn);
}

void IngestCore::offer_out_of_turn(const wire::Offer& row, const Turn& turn) {
  if (Limiter* to = owner(row.key)) send_offer(*to, row, turn);
}

}  // namespace sluice::ingest
