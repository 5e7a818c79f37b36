// Parking on DynamoDB: pages of keys and of rows.
#include "ingest/dynamo_reads.h"

#include <algorithm>
#include <map>

namespace sluice::ingest::dynamo {

using aws::dynamodb::number;
using aws::dynamodb::text;

namespace {

constexpr std::size_t kMarksMax = 100;             // of a transaction
constexpr std::size_t kMarkBytesMax = 3UL << 20U;  // of the rows in it
constexpr std::size_t kFetchMax = 25;              // rows that are asked for at once

// Whoever sends needs none.
std::vector<wire::Offer> without_envelopes(std::vector<wire::Offer> rows) {
  for (wire::Offer& row : rows) row.envelope.clear();
  return rows;
}

}  // namespace

std::unique_ptr<Deed> read_of(const World& world, const ParkingCall& call) {
  const std::uint64_t id = call.call_id;
  if (const auto* head = std::get_if<ReadHead>(&call.call)) {
    return std::make_unique<HeadDeed>(world, id, *head);
  }
  if (const auto* row = std::get_if<ReadRow>(&call.call)) {
    return std::make_unique<RowDeed>(world, id, *row);
  }
  if (const auto* lookup = std::get_if<LookupId>(&call.call)) {
    return std::make_unique<LookupDeed>(world, id, *lookup);
  }
  if (const auto* cancel = std::get_if<MarkCancelled>(&call.call)) {
    return std::make_unique<CancelDeed>(world, id, *cancel);
  }
  if (const auto* keys = std::get_if<ListKeys>(&call.call)) {
    return std::make_unique<KeysDeed>(world, id, *keys);
  }
  if (const auto* ending = std::get_if<ListEnding>(&call.call)) {
    return std::make_unique<EndingDeed>(world, id, *ending);
  }
  if (std::holds_alternative<ForgetNames>(call.call)) {
    return std::make_unique<ForgetDeed>(world, id);
  }
  return nullptr;
}

// ---- keys

Step KeysDeed::ask(const std::string& next) {
  aws::dynamodb::Query keys{world_.layout.table(), {}, "pk = :p"};
  keys.terms.values = {{":p", text(world_.layout.keys())}};
  if (!call_.after.empty()) {
    keys.key_condition = "pk = :p AND sk > :s";
    keys.terms.values[":s"] = text(call_.after);
  }
  keys.consistent = true;
  keys.items_max = call_.count + 1;
  return {{aws::dynamodb::query(keys, next)}, [this](const Got& got) { return take(got); }};
}

Step KeysDeed::take(const Got& got) {
  const auto page = aws::dynamodb::read_page(got.at(0));
  if (!page.ok()) return end(failed(page.refusal()));
  for (const Item& item : page->items) {
    answer_.more = answer_.keys.size() == call_.count;
    if (answer_.more) break;
    answer_.keys.push_back(read_key(item).facts);
  }
  if (answer_.more || page->next.empty()) return end(answer_);
  return ask(page->next);
}

// ---- marks

Step Marking::mark(std::vector<RowItem> rows) {
  rows_ = std::move(rows);
  for (std::size_t n = 0; n < rows_.size(); ++n) {
    if (!rows_[n].row.offered_before) left_.push_back(n);
  }
  return next();
}

Step Marking::next() {
  batch_.clear();
  std::vector<Write> writes;
  std::size_t bytes = 0;
  for (const std::size_t n : left_) {
    RowItem& row = rows_[n];
    bytes += row.message.size();
    if (writes.size() == kMarksMax || (!writes.empty() && bytes > kMarkBytesMax)) break;
    Write mark{Write::Kind::kUpdate, world_.layout.table(),
               world_.layout.row_key(row.row.key, {row.row.order, row.row.identity}),
               "SET #v = :n, offered = :o"};
    only_if(mark, row.version);
    mark.terms.values[":n"] = text(world_.version());
    mark.terms.values[":o"] = number(1);
    writes.push_back(std::move(mark));
    batch_.push_back(n);
  }
  if (!writes.empty()) {
    return {{aws::dynamodb::transact_write(writes, world_.token())},
            [this](const Got& got) { return written(got); }};
  }
  std::vector<wire::Offer> there;
  for (RowItem& row : rows_) {
    if (!row.version.empty()) there.push_back(std::move(row.row));
  }
  return marked(std::move(there));
}

Step Marking::written(const Got& got) {
  const auto how = aws::dynamodb::read_transaction(got.at(0), batch_.size());
  if (!how.ok()) return end(failed(how.refusal()));
  if (how->written) {
    left_.erase(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(batch_.size()));
    return next();
  }
  if (++round_ > kRoundsMax) return end(ParkingFailed{"others are at these rows"});
  // Those that have changed are read again: they may be gone, or marked by now.
  std::vector<std::size_t> changed;
  Step step;
  for (std::size_t n = 0; n < batch_.size(); ++n) {
    if (how->causes[n] != aws::dynamodb::Cause::kCondition) continue;
    const wire::Offer& row = rows_[batch_[n]].row;
    changed.push_back(batch_[n]);
    step.ask.push_back(
        world_.layout.get(world_.layout.row_key(row.key, {row.order, row.identity})));
  }
  batch_ = std::move(changed);
  step.wait = jitter(world_.chance, round_);
  step.then = [this](const Got& rows) { return seen_again(rows); };
  return step;
}

Step Marking::seen_again(const Got& got) {
  std::optional<ParkingFailed> trouble;
  for (std::size_t n = 0; n < got.size(); ++n) {
    RowItem& row = rows_[batch_[n]];
    const auto item = item_of(got[n], trouble);
    row = item ? read_row(*item) : RowItem{};
  }
  if (trouble) return end(*trouble);
  std::erase_if(left_, [this](std::size_t n) {
    return rows_[n].version.empty() || rows_[n].row.offered_before;
  });
  return next();
}

// ---- the head of a key

Step HeadDeed::ask(const std::string& next) {
  aws::dynamodb::Query rows{world_.layout.table(), {}, "pk = :p AND sk > :s"};
  rows.terms.values = {{":p", text(world_.layout.rows_of(call_.key))},
                       {":s", text(sort_of(call_.after))}};
  rows.consistent = true;
  rows.items_max = call_.count - static_cast<std::uint32_t>(rows_.size()) + 1;
  return {{aws::dynamodb::query(rows, next), world_.layout.get(world_.layout.key_key(call_.key))},
          [this](const Got& got) { return take(got); }};
}

Step HeadDeed::take(const Got& got) {
  const auto page = aws::dynamodb::read_page(got.at(0));
  if (!page.ok()) return end(failed(page.refusal()));
  std::optional<ParkingFailed> trouble;
  const auto key = item_of(got.at(1), trouble);
  if (trouble) return end(*trouble);
  answer_.key = key ? read_key(*key).facts : KeyFacts{call_.key, {}, 0, 0, {}};
  for (const Item& item : page->items) {
    answer_.more = rows_.size() >= call_.count || bytes_ >= call_.bytes_max;
    if (answer_.more) break;
    rows_.push_back(read_row(item));
    if (!rows_.back().readable) {
      return end(ParkingFailed{"a row of the table cannot be read", false, true});
    }
    bytes_ += rows_.back().message.size();
  }
  if (!answer_.more && !page->next.empty()) return ask(page->next);
  return mark(std::move(rows_));
}

Step HeadDeed::marked(std::vector<wire::Offer> rows) {
  answer_.rows = without_envelopes(std::move(rows));
  return end(answer_);
}

// ---- rows that end

Step EndingDeed::start() {
  // Nothing sorts between a place and the same with "!" behind it.
  const StoreTime from = call_.after.expired ? call_.after.expires_at : kCancelledEnd;
  aws::dynamodb::Query ends{world_.layout.table(), {}, "pk = :p AND sk BETWEEN :a AND :b"};
  ends.terms.values = {{":p", text(world_.layout.ends())},
                       {":a", text(sort_of({from.us, call_.after.identity}) + "!")},
                       {":b", text(sort_of({call_.now.us, std::string(16, '\xff')}))}};
  ends.consistent = true;
  ends.items_max = call_.count + 1;
  return {{aws::dynamodb::query(ends)}, [this](const Got& got) { return take(got); }};
}

Step EndingDeed::take(const Got& got) {
  const auto page = aws::dynamodb::read_page(got.at(0));
  if (!page.ok()) return end(failed(page.refusal()));
  for (const Item& item : page->items) ends_.push_back(read_end(item));
  more_ = ends_.size() > call_.count || !page->next.empty();
  if (ends_.size() > call_.count) ends_.resize(call_.count);
  return fetch();
}

Step EndingDeed::fetch() {
  if (at_ == ends_.size() || bytes_ >= call_.bytes_max) {
    more_ = more_ || at_ < ends_.size();
    if (more_ && at_ > 0) {
      const EndItem& last = ends_[at_ - 1];
      const bool expired = last.when != kCancelledEnd;
      answer_.next =
          EndingPlace{expired, last.identity, expired ? last.when : StoreTime{INT64_MIN}};
    }
    return mark(std::move(rows_));
  }
  Step step;
  asked_ = std::min(kFetchMax, ends_.size() - at_);
  for (std::size_t n = 0; n < asked_; ++n) {
    const EndItem& one = ends_[at_ + n];
    step.ask.push_back(world_.layout.get(world_.layout.row_key(one.key, one.place)));
  }
  step.then = [this](const Got& got) { return fetched(got); };
  return step;
}

// A row that has gone meanwhile needs no end; one that cannot be read is passed over.
Step EndingDeed::fetched(const Got& got) {
  std::optional<ParkingFailed> trouble;
  for (const aws::Outcome& outcome : got) {
    if (bytes_ >= call_.bytes_max) break;
    const auto item = item_of(outcome, trouble);
    if (trouble) return end(*trouble);
    ++at_;
    RowItem row = item ? read_row(*item) : RowItem{};
    if (!item || !row.readable) continue;
    bytes_ += row.message.size();
    rows_.push_back(std::move(row));
  }
  return fetch();
}

Step EndingDeed::marked(std::vector<wire::Offer> rows) {
  answer_.rows = without_envelopes(std::move(rows));
  return end(answer_);
}

}  // namespace sluice::ingest::dynamo
