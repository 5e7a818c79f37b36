// Parking on DynamoDB: a message becomes a name and a row.
#include "ingest/dynamo_change.h"
#include "ingest/name.h"

namespace sluice::ingest::dynamo {

std::vector<aws::Request> PutChange::questions() {
  const wire::Offer& row = call_.row;
  if (look_ == Look::kItems) {
    std::vector<aws::Request> ask{world_.layout.get(world_.layout.name_key(row.identity))};
    if (call_.id_alone) ask.push_back(world_.layout.get(world_.layout.id_key(row.source, row.id)));
    return ask;
  }
  if (look_ == Look::kHolder) return {world_.layout.get(world_.layout.name_key(id_->identity))};
  return {};
}

void PutChange::see(const Got& got) {
  if (look_ == Look::kHolder) {
    const auto item = item_of(got.at(0), trouble);
    holder_ = item ? std::optional(read_name(*item)) : std::nullopt;
    look_ = Look::kDone;
    return;
  }
  const auto own = item_of(got.at(0), trouble);
  own_ = own ? std::optional(read_name(*own)) : std::nullopt;
  const auto id = call_.id_alone ? item_of(got.at(1), trouble) : std::nullopt;
  id_ = id ? std::optional(read_id(*id)) : std::nullopt;
  holder_ = own_;
  look_ = id_ && id_->identity != call_.row.identity ? Look::kHolder : Look::kDone;
}

// Whether what is there stands in the way.
void PutChange::judge() {
  end_ = PutEnd::kCreated;
  there_.reset();
  is_awaited_ = false;
  // The id's, or without one the identity's: that one was put without its id alone.
  const std::optional<NameItem>& there = holder_ ? holder_ : own_;
  if (!there) return;
  const Name& name = there->name;
  const bool same = is_repeat(name, call_);
  const bool over = name.state != NameState::kWaiting && there->until < call_.now;
  const bool lost = !call_.id_alone && !same && lost_its_identity(name);
  is_awaited_ = is_its_row(name, call_);
  if (over || lost || is_awaited_) return;
  end_ = same ? PutEnd::kSame : PutEnd::kOther;
  there_ = name;
}

Write PutChange::id_of(const NameItem& name) const {
  Item id = world_.layout.id_key(name.name.source, name.name.id);
  id["identity"] = aws::dynamodb::bytes(name.name.identity);
  id["v"] = aws::dynamodb::text(world_.version());
  if (call_.accept_until.us > 0) id["ttl"] = ttl_of(name.until);
  Write put = world_.layout.put(std::move(id));
  only_if(put, id_ ? id_->version : std::string());
  return put;
}

// The row, and where it ends.
void PutChange::add_row(const NameItem& name, Write put_row, Plan& plan) const {
  const RowPlace place{name.order, name.name.identity};
  plan.writes.push_back(std::move(put_row));
  plan.writes.push_back(
      world_.layout.put_end({place.identity, name.name.key, place, world_.layout.end_of(name)}));
  plan.adds = place;
  plan.upstream = name.name.upstream;
  if (call_.row.in_order) plan.last_in_order = name.order;
}

Plan PutChange::plan(const KeyItem& key) {
  const Layout& layout = world_.layout;
  Plan plan;
  judge();
  if (there_) return plan;
  Put put = call_;
  wire::Offer& row = put.row;
  row.order = order_in(key, row);
  row.cancelled = row.cancelled || (is_awaited_ && own_->name.cancelled);
  Write put_row = layout.put_row(row, world_.version());
  const auto is_too_large = [&put_row] {
    return aws::dynamodb::bytes_of(put_row.item) > aws::dynamodb::kItemBytesMax;
  };
  if (is_too_large() && !row.envelope.empty()) {
    row.envelope.clear();  // that it can be sent counts for more
    put_row = layout.put_row(row, world_.version());
  }
  if (is_too_large()) {
    end_ = PutEnd::kTooLarge;
    return plan;
  }
  const bool by_id = call_.id_alone || (is_awaited_ && own_->id_alone);
  const NameItem name{written_name(put), row.order, by_id, call_.accept_until, world_.version()};
  made_ = name.name;
  plan.writes.push_back(layout.put_name(name));
  only_if(plan.writes.back(), own_ ? own_->version : std::string());
  if (call_.accept_until.us == 0) add_row(name, std::move(put_row), plan);
  if (call_.id_alone) plan.writes.push_back(id_of(name));
  if (holder_ && holder_->name.identity != row.identity) {
    plan.writes.push_back(layout.remove(layout.name_key(holder_->name.identity)));
    only_if(plan.writes.back(), holder_->version);
  }
  return plan;
}

void PutChange::stale(std::size_t) { look_ = Look::kItems; }

ParkingAnswer PutChange::answer(const KeyFacts& key) const {
  if (there_ && there_->key != call_.row.key) {
    return PutAnswer{end_, *there_, {there_->key, {}, 0, 0, {}}};
  }
  if (there_) return PutAnswer{end_, *there_, key};
  return PutAnswer{end_, end_ == PutEnd::kCreated ? made_ : written_name(call_), key};
}

}  // namespace sluice::ingest::dynamo
