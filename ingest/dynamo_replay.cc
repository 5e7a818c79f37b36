#include "ingest/dynamo_replay.h"

#include "ingest/name.h"

namespace sluice::ingest::dynamo {

ReplayChange::ReplayChange(const World& world, DeadRow dead, StoreTime now, Duration behind)
    : Change(world), dead_(std::move(dead)), now_(now), behind_(behind) {
  row_ = anew(*dead_.message, dead_.message->generation + 1, now_, behind_);
}

std::vector<aws::Request> ReplayChange::questions() {
  if (looked_) return {};
  const Layout& layout = world_.layout;
  return {layout.get(layout.dead_key(dead_.at, dead_.identity)),
          layout.get(layout.name_key(row_.identity)),
          layout.get(layout.id_key(row_.source, row_.id))};
}

// A generation that is known is passed over.
void ReplayChange::see(const Got& got) {
  there_ = item_of(got.at(0), trouble).has_value();
  const auto name = item_of(got.at(1), trouble);
  const auto id = item_of(got.at(2), trouble);
  id_ = id ? std::optional(read_id(*id)) : std::nullopt;
  looked_ = !there_ || !name || trouble;
  if (!looked_) row_ = anew(row_, row_.generation + 1, now_, behind_);
}

Plan ReplayChange::plan(const KeyItem& key) {
  const Layout& layout = world_.layout;
  Plan plan;
  if (!there_) return plan;
  row_.order = order_in(key, row_);
  NameItem name{name_of_row(row_), row_.order, id_.has_value(), {}, world_.version()};
  plan.writes.push_back(layout.put_name(name));
  only_if(plan.writes.back(), {});
  plan.writes.push_back(layout.put_row(row_, world_.version()));
  plan.writes.push_back(
      layout.put_end({row_.identity, row_.key, {row_.order, row_.identity}, layout.end_of(name)}));
  if (id_) {
    Item id = layout.id_key(row_.source, row_.id);
    id["identity"] = aws::dynamodb::bytes(row_.identity);
    id["v"] = aws::dynamodb::text(world_.version());
    plan.writes.push_back(layout.put(std::move(id)));
    only_if(plan.writes.back(), id_->version);
  }
  plan.writes.push_back(layout.remove(layout.dead_key(dead_.at, dead_.identity)));
  plan.writes.back().condition = "attribute_exists(pk)";
  plan.writes.push_back(layout.remove(layout.letter_key(dead_.identity)));
  plan.adds = RowPlace{row_.order, row_.identity};
  plan.upstream = row_.upstream;
  if (row_.in_order) plan.last_in_order = row_.order;
  return plan;
}

ParkingAnswer ReplayChange::answer(const KeyFacts& key) const { return ReorderAnswer{there_, key}; }

}  // namespace sluice::ingest::dynamo
