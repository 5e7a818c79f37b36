// Parking on DynamoDB: a message ends, or gets another place; a key's holds.
#include "ingest/dynamo_change.h"
#include "ingest/name.h"

namespace sluice::ingest::dynamo {

using aws::dynamodb::bytes;
using aws::dynamodb::number;
using aws::dynamodb::text;

// ---- what is there

std::vector<aws::Request> MessageChange::questions() {
  const Layout& layout = world_.layout;
  if (!looked_) return {layout.get(layout.name_key(identity_))};
  const bool waits = name_ && name_->name.state == NameState::kWaiting;
  if (!waits || row_looked_ || !wants_row()) return {};
  return {layout.get(layout.place_of(*name_))};
}

void MessageChange::see(const Got& got) {
  const auto item = item_of(got.at(0), trouble);
  if (!looked_) {
    name_ = item ? std::optional(read_name(*item)) : std::nullopt;
    looked_ = true;
    return;
  }
  row_ = item ? std::optional(read_row(*item)) : std::nullopt;
  row_looked_ = true;
}

void MessageChange::stale(std::size_t) {
  looked_ = false;
  row_looked_ = false;
}

// ---- settlement

// As SqliteParking keeps it: under an identity of its own when it has lost its first.
void SettleChange::bury(const Name& name, Plan& plan) const {
  const Layout& layout = world_.layout;
  const std::string identity = letter_identity_of(name);
  Item dead = layout.dead_key(name.settled_at, identity);
  dead["source"] = text(name.source);
  dead["id"] = text(name.id);
  dead["key"] = text(name.key);
  dead["upstream"] = text(name.upstream);
  dead["generation"] = number(name.generation);
  dead["reason"] = text(name.reason);
  dead["status"] = number(name.status);
  dead["attempts"] = number(name.attempts);
  plan.writes.push_back(layout.put(std::move(dead)));
  Item letter = layout.letter_key(identity);
  letter["message"] = bytes(row_->message);
  plan.writes.push_back(layout.put(std::move(letter)));
}

// Its row says whether its key stops behind it.
void SettleChange::stop(const KeyItem& key, Plan& plan) {
  const wire::Offer& row = row_->row;
  if (!row_->readable || !row.stops_dead) return;
  plan.holds = key.facts.holds;
  stopped_ = plan.sets_holds = hold_behind(call_.settled, plan.holds);
  plan.upstream = row.upstream;
}

Plan SettleChange::plan(const KeyItem& key) {
  const Layout& layout = world_.layout;
  Plan plan;
  stopped_ = false;
  end_ = SettleEnd::kUnknown;
  if (!name_) return plan;
  end_ = SettleEnd::kOther;
  if (!is_end_of(name_->name, call_)) return plan;
  end_ = SettleEnd::kBefore;
  if (has_ended(name_->name.state)) return plan;
  const bool had_row = name_->name.state == NameState::kWaiting;
  end_ = SettleEnd::kSettled;
  NameItem ended = *name_;
  settle_name(ended.name, call_.settled);
  ended.until = call_.remember_until;
  ended.version = world_.version();
  plan.writes.push_back(layout.put_name(ended));
  only_if(plan.writes.back(), name_->version);
  if (had_row) {
    plan.writes.push_back(layout.remove(layout.place_of(*name_)));
    plan.writes.push_back(
        layout.remove(layout.end_key(layout.end_of(*name_), name_->name.identity)));
    plan.removes = RowPlace{name_->order, name_->name.identity};
  }
  if (had_row && row_) {
    if (!call_.buried) bury(ended.name, plan);
    stop(key, plan);
  }
  id_write_ = SIZE_MAX;
  if (name_->id_alone && with_id_) {
    id_write_ = plan.writes.size();
    Item id = layout.id_key(ended.name.source, ended.name.id);
    id["identity"] = bytes(ended.name.identity);
    id["v"] = text(world_.version());
    id["ttl"] = plan.writes.front().item.at("ttl");
    Write put = layout.put(std::move(id));
    put.condition = "#i = :i";
    put.terms = {{{"#i", "identity"}}, {{":i", bytes(ended.name.identity)}}};
    plan.writes.push_back(std::move(put));
  }
  return plan;
}

// An id that names another message by now is that one's.
void SettleChange::stale(std::size_t which) {
  if (which == id_write_) with_id_ = false;
  MessageChange::stale(which);
}

ParkingAnswer SettleChange::answer(const KeyFacts& key) const {
  const bool of_key = end_ == SettleEnd::kSettled || end_ == SettleEnd::kBefore;
  return SettleAnswer{end_, call_.settled.identity, of_key ? key : KeyFacts{}, stopped_};
}

// ---- another place

Plan ReorderChange::plan(const KeyItem&) {
  const Layout& layout = world_.layout;
  Plan plan;
  there_ = name_ && name_->name.state == NameState::kWaiting;
  if (!there_ || name_->order == call_.order || !row_) return plan;
  if (!row_->readable) {
    trouble = ParkingFailed{"a row of the table cannot be read", false, true};
    return plan;
  }
  if (row_->row.in_order) return plan;
  NameItem moved = *name_;
  moved.order = call_.order;
  moved.version = world_.version();
  plan.writes.push_back(layout.put_name(moved));
  only_if(plan.writes.back(), name_->version);
  plan.writes.push_back(layout.remove(layout.place_of(*name_)));
  only_if(plan.writes.back(), row_->version);
  wire::Offer row = row_->row;
  row.order = call_.order;
  plan.writes.push_back(layout.put_row(row, world_.version()));
  plan.writes.push_back(layout.put_end(
      {call_.identity, moved.name.key, {call_.order, call_.identity}, layout.end_of(moved)}));
  plan.removes = RowPlace{name_->order, call_.identity};
  plan.adds = RowPlace{call_.order, call_.identity};
  plan.upstream = moved.name.upstream;
  return plan;
}

ParkingAnswer ReorderChange::answer(const KeyFacts& key) const {
  return ReorderAnswer{there_, there_ ? key : KeyFacts{}};
}

// ---- holds

Plan HoldsChange::plan(const KeyItem& key) {
  Plan plan;
  plan.sets_holds = true;
  plan.holds = call_.holds;
  keep_stop(key.facts.holds, plan.holds);
  plan.upstream = call_.upstream;
  return plan;
}

}  // namespace sluice::ingest::dynamo
