#include "dispatcher/table.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/wire/identity.h"

namespace sluice::dispatcher {

Entry* AttemptTable::find(const wire::Attempt& attempt) {
  const auto found = entries_.find(attempt);
  return found == entries_.end() ? nullptr : &found->second;
}

const Entry* AttemptTable::find(const wire::Attempt& attempt) const {
  const auto found = entries_.find(attempt);
  return found == entries_.end() ? nullptr : &found->second;
}

AttemptTable::Agenda& AttemptTable::agenda_of(const Entry& entry) {
  return entry.state == AttemptState::kEnded ? unsaid_ : unfinished_;
}

// Keeps the counts by upstream true over a change of state: out before it, in after it.
void AttemptTable::count(const Entry& entry, bool in) {
  InUpstream& counts = *entry.in;
  std::size_t& one = entry.state == AttemptState::kQueued    ? counts.queued
                     : entry.state == AttemptState::kRunning ? counts.running
                                                             : counts.ended;
  one += in ? 1 : std::size_t(-1);
}

Entry& AttemptTable::enter(const wire::Attempt& attempt, OpenAttempt open, StoreTime lease_end) {
  const auto [place, fresh] = entries_.try_emplace(attempt);
  CHECK(fresh);
  Entry& entry = place->second;
  entry.number = ++entered_;
  entry.attempt = attempt;
  entry.lease_end = lease_end;
  entry.open = std::make_unique<OpenAttempt>(std::move(open));
  entry.in = &upstreams_[entry.open->upstream];
  if (++entry.in->entries > entry.in->own_max) ++shared_used_;
  unfinished_[{entry.open->due, entry.number}] = &entry;
  queues_[entry.open->upstream][entry.number] = &entry;
  count(entry, true);
  Held& held = held_[entry.open->owner_life];
  ++held.count;
  held.hash ^= wire::short_hash(attempt.identity);
  ++open_[{entry.open->owner_life, entry.open->upstream}];
  return entry;
}

void AttemptTable::set_due(Entry& entry, Instant due) {
  Agenda& agenda = agenda_of(entry);
  agenda.erase({entry.open->due, entry.number});
  entry.open->due = due;
  agenda[{due, entry.number}] = &entry;
}

void AttemptTable::run(Entry& entry, Instant due) {
  CHECK(entry.state == AttemptState::kQueued);
  count(entry, false);
  queues_[entry.open->upstream].erase(entry.number);
  entry.state = AttemptState::kRunning;
  count(entry, true);
  set_due(entry, due);
}

void AttemptTable::end(Entry& entry, wire::Outcome outcome, Instant due) {
  CHECK(entry.state == AttemptState::kQueued || entry.state == AttemptState::kRunning);
  count(entry, false);
  queues_[entry.open->upstream].erase(entry.number);
  unfinished_.erase({entry.open->due, entry.number});
  entry.state = AttemptState::kEnded;
  entry.open->dispatch = {};
  entry.open->outcome = std::move(outcome);
  entry.open->due = due;
  unsaid_[{due, entry.number}] = &entry;
  count(entry, true);
}

void AttemptTable::complete(Entry& entry) {
  CHECK(entry.state == AttemptState::kEnded);
  count(entry, false);
  unsaid_.erase({entry.open->due, entry.number});
  const std::uint64_t life = entry.open->owner_life;
  Held& held = held_[life];
  held.hash ^= wire::short_hash(entry.attempt.identity);
  if (--held.count == 0) held_.erase(life);
  const auto mine = open_.find({life, entry.open->upstream});
  if (--mine->second == 0) open_.erase(mine);
  const wire::Outcome& outcome = entry.open->outcome;
  completed_.add(entry.attempt, {outcome.ended, outcome.not_started, outcome.status}, entry.in,
                 entry.lease_end);
  entries_.erase(entries_.find(entry.attempt));
}

void AttemptTable::let_go(StoreTime low) {
  completed_.let_go(low, [this](InUpstream* in) {
    if (in->entries-- > in->own_max) --shared_used_;
  });
}

std::size_t AttemptTable::room(const std::string& upstream, std::size_t shared) const {
  const InUpstream in = in_upstream(upstream);
  return in.own_max - std::min(in.own_max, in.entries) + shared - std::min(shared, shared_used_);
}

Entry* AttemptTable::first_due(bool ended) const {
  const Agenda& agenda = ended ? unsaid_ : unfinished_;
  return agenda.empty() ? nullptr : agenda.begin()->second;
}

Instant AttemptTable::next_due(bool ended) const {
  const Agenda& agenda = ended ? unsaid_ : unfinished_;
  return agenda.empty() ? Instant::never() : agenda.begin()->first.first;
}

const std::map<std::uint64_t, Entry*>& AttemptTable::queued(const std::string& upstream) const {
  static const std::map<std::uint64_t, Entry*> none;
  const auto found = queues_.find(upstream);
  return found == queues_.end() ? none : found->second;
}

std::vector<Entry*> AttemptTable::queued_of(const std::string& upstream,
                                            const std::string& key) const {
  std::vector<Entry*> found;
  for (const auto& [number, entry] : queued(upstream)) {
    if (key.empty() || entry->open->key == key) found.push_back(entry);
  }
  return found;
}

std::vector<Entry*> AttemptTable::running_of(const std::string& upstream,
                                             const std::string& key) const {
  std::vector<Entry*> found;
  for (const auto& [due, entry] : unfinished_) {
    const bool one = entry->state == AttemptState::kRunning && entry->open->upstream == upstream;
    if (one && (key.empty() || entry->open->key == key)) found.push_back(entry);
  }
  return found;
}

std::vector<Entry*> AttemptTable::unsettled() const {
  std::map<std::uint64_t, Entry*> in_order;
  for (const auto& [place, entry] : unsaid_) in_order[entry->number] = entry;
  std::vector<Entry*> all;
  all.reserve(in_order.size());
  for (const auto& [number, entry] : in_order) all.push_back(entry);
  return all;
}

InUpstream AttemptTable::in_upstream(const std::string& upstream) const {
  const auto found = upstreams_.find(upstream);
  return found == upstreams_.end() ? InUpstream{} : found->second;
}

Held AttemptTable::held_of(std::uint64_t life) const {
  const auto found = held_.find(life);
  return found == held_.end() ? Held{} : found->second;
}

std::size_t AttemptTable::open_of(std::uint64_t life, const std::string& upstream) const {
  const auto found = open_.find({life, upstream});
  return found == open_.end() ? 0 : found->second;
}

}  // namespace sluice::dispatcher
