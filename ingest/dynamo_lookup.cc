// Parking on DynamoDB: what is known of an id; and its cancellation.
#include <algorithm>

#include "ingest/dynamo_reads.h"
#include "ingest/name.h"

namespace sluice::ingest::dynamo {

namespace {

// Rows beside a message are counted as far as this: each page is read whole to be counted.
constexpr std::uint32_t kCountMax = 1'000;
constexpr std::uint32_t kPagesMax = 4;

}  // namespace

Step Single::end(ParkingAnswer answer) {
  replies_.push_back({call_id_, std::move(answer)});
  return {};
}

// ---- by an id

Step ById::find(const std::string& source, const std::string& id) {
  if (id.empty() || source.empty()) return known(std::nullopt);
  const Layout& layout = world_.layout;
  return {{layout.get(layout.id_key(source, id))}, [this, &layout](const Got& got) -> Step {
            std::optional<ParkingFailed> trouble;
            const auto found = item_of(got.at(0), trouble);
            if (trouble) return end(*trouble);
            if (!found) return known(std::nullopt);
            return {{layout.get(layout.name_key(read_id(*found).identity))},
                    [this](const Got& names) -> Step {
                      std::optional<ParkingFailed> unread;
                      const auto item = item_of(names.at(0), unread);
                      if (unread) return end(*unread);
                      if (!item) return known(std::nullopt);
                      NameItem name = read_name(*item);
                      const bool over = name.name.state != NameState::kWaiting &&
                                        name.until < world_.forgotten_before;
                      return known(over ? std::nullopt : std::optional(std::move(name)));
                    }};
          }};
}

Step LookupDeed::start() { return find(call_.source, call_.id); }

Step LookupDeed::known(const std::optional<NameItem>& name) {
  name_ = name;
  if (name) answer_.name = name->name;
  const std::string& key = name ? name->name.key : call_.key;
  answer_.key.key = key;
  if (key.empty()) return end(answer_);
  return {{world_.layout.get(world_.layout.key_key(key))},
          [this](const Got& got) { return count(got); }};
}

// Of one that waits those before it; without a name those behind the asked place.
aws::dynamodb::Query LookupDeed::rows_beside() const {
  const std::string& key = answer_.key.key;
  aws::dynamodb::Query rows{
      world_.layout.table(), {}, name_ ? "pk = :p AND sk < :s" : "pk = :p AND sk > :s"};
  const std::string place = name_ ? sort_of({name_->order, name_->name.identity})
                                  : sort_of({call_.order, std::string(16, '\xff')});
  rows.terms.values = {{":p", aws::dynamodb::text(world_.layout.rows_of(key))},
                       {":s", aws::dynamodb::text(place)}};
  rows.projection = "sk";
  rows.items_max = kCountMax + 1;
  return rows;
}

Step LookupDeed::count(const Got& got) {
  std::optional<ParkingFailed> trouble;
  const auto item = item_of(got.at(0), trouble);
  if (trouble) return end(*trouble);
  if (item) answer_.key = read_key(*item).facts;
  const bool waits = name_ && name_->name.state == NameState::kWaiting;
  if (name_ && !waits) return end(answer_);
  const bool none = answer_.key.count == 0 || (!name_ && call_.order == INT64_MAX);
  if (none) {
    answer_.ahead = answer_.key.count;
    return end(answer_);
  }
  return {{aws::dynamodb::query(rows_beside())}, [this](const Got& rows) { return counted(rows); }};
}

Step LookupDeed::counted(const Got& got) {
  const auto page = aws::dynamodb::read_page(got.at(0));
  if (!page.ok()) return end(failed(page.refusal()));
  rows_ += page->items.size();
  const bool few = rows_ <= kCountMax;
  if (few && !page->next.empty() && ++pages_ < kPagesMax) {
    return {{aws::dynamodb::query(rows_beside(), page->next)},
            [this](const Got& rows) { return counted(rows); }};
  }
  const bool all = few && page->next.empty();
  if (!name_) {
    answer_.ahead = answer_.key.count - std::min(answer_.key.count, rows_);
  } else if (all) {
    answer_.ahead = rows_;
  }
  return end(answer_);
}

// ---- a row

Step RowDeed::start() {
  return {{world_.layout.get(world_.layout.name_key(call_.identity))},
          [this](const Got& got) { return known(got); }};
}

Step RowDeed::known(const Got& got) {
  std::optional<ParkingFailed> trouble;
  const auto item = item_of(got.at(0), trouble);
  if (trouble) return end(*trouble);
  const auto name = item ? std::optional(read_name(*item)) : std::nullopt;
  if (!name || name->name.state != NameState::kWaiting) return end(RowAnswer{});
  return {{world_.layout.get(world_.layout.place_of(*name))},
          [this](const Got& row) { return read(row); }};
}

Step RowDeed::read(const Got& got) {
  std::optional<ParkingFailed> trouble;
  const auto item = item_of(got.at(0), trouble);
  if (trouble) return end(*trouble);
  if (!item) return end(RowAnswer{});
  const RowItem row = read_row(*item);
  if (!row.readable) return end(ParkingFailed{"a row of the table cannot be read", false, true});
  return end(RowAnswer{row.row});
}

// ---- cancellation

Step CancelDeed::start() { return find(call_.source, call_.id); }

Step CancelDeed::known(const std::optional<NameItem>& name) {
  if (!name) return end(CancelAnswer{});
  if (has_ended(name->name.state)) return end(CancelAnswer{name->name, std::nullopt});
  name_ = name;
  if (name->name.state == NameState::kAccepted) return mark_name();
  return {{world_.layout.get(world_.layout.place_of(*name))},
          [this](const Got& got) { return mark(got); }};
}

// Its row, when that comes, is marked by it.
Step CancelDeed::mark_name() {
  NameItem cancelled = *name_;
  cancelled.name.cancelled = true;
  cancelled.version = world_.version();
  std::vector<Write> writes{world_.layout.put_name(cancelled)};
  only_if(writes.back(), name_->version);
  name_->name.cancelled = true;
  return write(writes);
}

Step CancelDeed::write(const std::vector<Write>& writes) {
  return {{aws::dynamodb::transact_write(writes, world_.token())},
          [this, count = writes.size()](const Got& answers) -> Step {
            const auto how = aws::dynamodb::read_transaction(answers.at(0), count);
            if (!how.ok()) return end(failed(how.refusal()));
            if (how->written) {
              const bool waits = name_->name.state == NameState::kWaiting;
              row_.row.cancelled = true;
              return end(CancelAnswer{name_->name, waits ? std::optional(row_.row) : std::nullopt});
            }
            if (++round_ > kRoundsMax) return end(ParkingFailed{"others are at this message"});
            Step again = start();
            again.wait = jitter(world_.chance, round_);
            return again;
          }};
}

Step CancelDeed::mark(const Got& got) {
  std::optional<ParkingFailed> trouble;
  const auto item = item_of(got.at(0), trouble);
  if (trouble) return end(*trouble);
  if (!item) {  // it has ended, or moved, since its name was read
    if (++round_ > kRoundsMax) return end(ParkingFailed{"a row is not where its name says"});
    return start();
  }
  row_ = read_row(*item);
  if (!row_.readable) {
    return end(ParkingFailed{"a row of the table cannot be read", false, true});
  }
  const Layout& layout = world_.layout;
  NameItem cancelled = *name_;
  cancelled.name.cancelled = true;
  cancelled.version = world_.version();
  std::vector<Write> writes{layout.put_name(cancelled)};
  only_if(writes.back(), name_->version);
  wire::Offer row = row_.row;
  row.cancelled = true;
  row.offered_before = true;
  writes.push_back(layout.put_row(row, world_.version()));
  only_if(writes.back(), row_.version);
  const std::string& identity = name_->name.identity;
  if (!name_->name.cancelled) {
    writes.push_back(layout.remove(layout.end_key(layout.end_of(*name_), identity)));
  }
  writes.push_back(
      layout.put_end({identity, row.key, {name_->order, identity}, layout.end_of(cancelled)}));
  name_->name.cancelled = true;
  return write(writes);
}

}  // namespace sluice::ingest::dynamo
