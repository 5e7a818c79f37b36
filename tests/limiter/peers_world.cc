// The neighbours of the limiter in its test world: ingest with its parking and queue, dispatcher
// with the upstream, auditor.
#include <algorithm>

#include "lib/base/check.h"
#include "lib/wire/identity.h"
#include "tests/limiter/core_world.h"

namespace sluice::limiter::testing {

// ---- ingest and parking ------------------------------------------------------------------------

wire::Offer World::make(const std::string& key, const std::string& id) {
  wire::Offer offer;
  offer.source = "test";
  offer.key = key;
  offer.id = id;
  offer.identity = wire::identity_of(offer.source, key, id, 0);
  offer.upstream = config_.upstreams.front().name;
  offer.request = {"POST", "/", {}, "{\"id\":\"" + id + "\"}"};
  offer.content_hash = wire::content_hash_of(offer.request);
  offer.store = "p";
  last_order_ = std::max(last_order_ + 1, store_now().us);
  offer.order = last_order_;
  offer.first_seen = store_now();
  offer.expires_at = store_now() + hours(96);
  return offer;
}

void World::post_row(const std::string& key, const std::string& id) { post(make(key, id)); }

void World::post(const wire::Offer& offer) {
  key_of_[offer.identity] = offer.key;
  const Place place{offer.order, offer.identity};
  rows_[offer.identity] = place;
  parking_[offer.key][place] = offer;
  for (std::size_t i = 0; i < kIngests; ++i) announce(i, offer.key);
}

void World::post_copy(const std::string& key, const std::string& id) {
  wire::Offer offer = make(key, id);
  offer.origin = wire::Origin::kQueueCopy;
  key_of_[offer.identity] = key;
  queue_[offer.identity] = Copy{offer, -1, false};
}

void World::announce(std::size_t i, const std::string& key) {
  const auto& rows = parking_[key];
  if (rows.empty()) return;
  const wire::Offer& head = rows.begin()->second;
  to_limiter(i, wire::Parked{"p", key, head.upstream, rows.size(), head.order, {}});
}

void World::announce_all(std::size_t i) {
  for (const auto& [key, rows] : parking_) announce(i, key);
  to_limiter(i, wire::Announced{"p", parking_.size()});
}

void World::poll_queue(std::size_t i) {
  if (!peers_[i].up || peers_[i].id.n == 0) return;
  for (auto& [identity, copy] : queue_) {
    if (copy.ingest >= 0) continue;
    copy.ingest = static_cast<int>(i);
    to_limiter(i, copy.offer);
  }
}

void World::put_into_parking(std::size_t i, const std::string& identity) {
  const auto at_queue = queue_.find(identity);
  if (at_queue == queue_.end() || at_queue->second.putting) return;
  at_queue->second.putting = true;
  at(prng_.between(milliseconds(5), milliseconds(60)), [this, i, identity, epoch = peers_[i].life] {
    const auto copy = queue_.find(identity);
    if (copy == queue_.end() || peers_[i].life != epoch) return;
    wire::Offer row = copy->second.offer;
    queue_.erase(copy);
    if (settled.contains(identity)) return;
    row.origin = wire::Origin::kRow;
    post(row);
  });
}

void World::ingest_hears(std::size_t i, const wire::Item& item) {
  if (const auto* said = std::get_if<wire::Quoted>(&item)) quoted.push_back(*said);
  if (const auto* said = std::get_if<wire::Controlled>(&item)) controlled.push_back(*said);
  if (const auto* said = std::get_if<wire::Settled>(&item)) settle(i, *said);
  if (const auto* park = std::get_if<wire::Park>(&item)) {
    if (park->origin == wire::Origin::kQueueCopy) {
      put_into_parking(i, park->identity);
    } else if (const auto row = rows_.find(park->identity); row != rows_.end() && park->due.us) {
      auto& rows = parking_[park->key];
      wire::Offer offer = rows.at(row->second);
      rows.erase(row->second);
      offer.order = park->due.us;
      row->second = Place{offer.order, offer.identity};
      rows[row->second] = offer;
      announce(i, park->key);
    }
  }
  if (const auto* want = std::get_if<wire::Want>(&item)) {
    ++wants;
    auto& rows = parking_[want->key];
    std::uint32_t n = 0;
    for (auto row = rows.begin(); row != rows.end() && n < want->count; ++row, ++n) {
      wire::Offer offer = row->second;
      offer.want_id = want->want_id;
      row->second.offered_before = true;
      to_limiter(i, offer);
    }
    to_limiter(i, wire::Rows{want->want_id, "p", want->key, n, rows.size() > n});
  }
}

void World::settle(std::size_t i, const wire::Settled& said) {
  if (said.settlement == wire::Settlement::kDelivered &&
      outcomes_recorded_[said.identity].empty()) {
    problem("settled before its outcome was recorded");
  }
  const auto before = settled.find(said.identity);
  if (before != settled.end() && before->second.settlement != said.settlement) {
    problem("settled in two ways");
  }
  settled[said.identity] = said;
  queue_.erase(said.identity);
  if (const auto row = rows_.find(said.identity); row != rows_.end()) {
    parking_[said.key].erase(row->second);
    rows_.erase(row);
  }
  to_limiter(i, wire::Forgotten{said.identity, said.upstream});
}

void World::kill_ingest(std::size_t i) {
  disconnect(i);
  peers_[i].life = ++last_life_;
  for (auto& [identity, copy] : queue_) {
    if (copy.ingest == static_cast<int>(i)) copy = Copy{copy.offer, -1, false};
  }
  at(prng_.between(milliseconds(100), seconds(4)), [this, i] { connect(i); });
}

// ---- dispatcher and upstream -------------------------------------------------------------------

void World::dispatcher_hears(std::size_t i, const wire::Item& item) {
  auto& table = tables_[i];
  if (const auto* dispatch = std::get_if<wire::Dispatch>(&item)) start_attempt(i, *dispatch);
  if (const auto* done = std::get_if<wire::Completed>(&item)) {
    if (const auto entry = table.find(done->attempt); entry != table.end()) {
      entry->second.completed = true;
      if (store_now() >= entry->second.lease_end) table.erase(entry);
    }
  }
  if (const auto* asked = std::get_if<wire::Asked>(&item)) {
    auto [entry, fresh] = table.try_emplace(asked->attempt);
    if (fresh) {
      entry->second.refused = true;
      entry->second.lease_end = asked->lease_end;
      wire::Outcome never;
      never.attempt = asked->attempt;
      never.upstream = asked->upstream;
      never.key = asked->key;
      never.ended = wire::Ended::kNotStarted;
      never.not_started = wire::NotStarted::kNeverSeen;
      never.answered_at = store_now();
      entry->second.outcome = never;
    }
    if (entry->second.outcome) to_limiter(i, *entry->second.outcome);
  }
}

void World::start_attempt(std::size_t i, const wire::Dispatch& dispatch) {
  auto [entry, fresh] = tables_[i].try_emplace(dispatch.attempt);
  if (!fresh) {
    if (!entry->second.refused) problem("one attempt was dispatched twice");
    return;
  }
  entry->second.limiter_life = limiter_life_;
  entry->second.lease_end = dispatch.lease_end;
  wire::Outcome outcome;
  outcome.attempt = dispatch.attempt;
  outcome.upstream = dispatch.upstream;
  outcome.key = dispatch.key;
  if (store_now() >= dispatch.start_by) {
    outcome.ended = wire::Ended::kNotStarted;
    outcome.not_started = wire::NotStarted::kTooLate;
    outcome.answered_at = store_now();
    entry->second.outcome = outcome;
    to_limiter(i, outcome);
    return;
  }
  const std::string& identity = dispatch.attempt.identity;
  arrivals.emplace_back(store_now(), identity);
  if (++attempts[identity] > 1 && settled.contains(identity) &&
      settled[identity].settlement == wire::Settlement::kDelivered) {
    problem("sent again after it was settled");
  }
  outcome.started_at = store_now();
  outcome.status = 200;
  outcome.ended = wire::Ended::kDelivered;
  if (prng_.chance(faults_.outcome_failed)) {
    outcome.status = 500;
    outcome.ended = wire::Ended::kFailed;
  } else if (prng_.chance(faults_.outcome_unknown)) {
    outcome.ended = wire::Ended::kUnknown;
    unknown.insert(identity);
  } else if (prng_.chance(faults_.throttled)) {
    outcome.status = 429;
    outcome.ended = wire::Ended::kThrottled;
    outcome.told_to_wait = true;
    outcome.retry_after = seconds(20);
  }
  if (!upstream_answers) return;
  at(latency, [this, i, outcome, life = peers_[i].life]() mutable {
    if (peers_[i].life != life) {
      unknown.insert(outcome.attempt.identity);
      return;
    }
    outcome.answered_at = store_now();
    outcome.latency = latency;
    if (outcome.ended == wire::Ended::kThrottled) {
      to_limiter(i, wire::Penalty{outcome.upstream, outcome.key, true, outcome.retry_after, false});
    }
    tables_[i][outcome.attempt].outcome = outcome;
    to_limiter(i, outcome);
  });
}

void World::say_outcomes(std::size_t i) {
  for (auto entry = tables_[i].begin(); entry != tables_[i].end();) {
    if (entry->second.completed && store_now() >= entry->second.lease_end) {
      entry = tables_[i].erase(entry);
      continue;
    }
    if (entry->second.outcome && !entry->second.completed) to_limiter(i, *entry->second.outcome);
    ++entry;
  }
}

void World::kill_dispatcher(std::size_t which) {
  const std::size_t i = kDispatcher + which;
  disconnect(i);
  for (const auto& [attempt, entry] : tables_[i]) {
    if (!entry.completed) unknown.insert(attempt.identity);
  }
  tables_[i].clear();
  peers_[i].life = ++last_life_;
  at(prng_.between(milliseconds(100), seconds(4)), [this, i] { connect(i); });
}

// ---- auditor -----------------------------------------------------------------------------------

void World::auditor_hears(std::size_t i, const wire::Item& item) {
  const auto* record = std::get_if<wire::Record>(&item);
  if (record == nullptr) return;
  const bool fresh = recorded_.insert(record->record_id).second;
  if (record->kind == wire::RecordKind::kAttempt || record->kind == wire::RecordKind::kLate) {
    outcomes_recorded_[record->identity].insert(std::to_string(record->serial));
  }
  wire::Recorded said;
  said.record_id = record->record_id;
  said.written = fresh ? wire::Written::kNow : wire::Written::kBefore;
  at(prng_.between(milliseconds(1), milliseconds(8)), [this, i, said, epoch = peers_[i].epoch] {
    if (peers_[i].epoch == epoch) to_limiter(i, said);
  });
}

void World::auditor(bool up) {
  auditor_up = up;
  peers_[kAuditor].up = up;
  if (up) {
    connect(kAuditor);
  } else {
    disconnect(kAuditor);
  }
}

}  // namespace sluice::limiter::testing
