#include "auditor/dynamo_costs.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/aws/pages.h"

namespace sluice::auditor {

namespace {

namespace dynamodb = aws::dynamodb;
using dynamodb::Item;

constexpr int kTriesMax = 6;  // in a row, of what passes
constexpr Duration kPauseMin = milliseconds(50);
constexpr Duration kTimeout = seconds(3);  // of an attempt

Error failed(const char* what, const aws::Refusal& why) {
  return {Trouble::kUnavailable, std::string(what) + ": " + why.code + ": " + why.message};
}

Error slow(const char* what) {
  return {Trouble::kUnavailable, std::string(what) + ": the table is slow"};
}

aws::Request quick(aws::Request request) {
  request.timeout = kTimeout;
  return request;
}

dynamodb::Query month_query(const std::string& table, const std::string& month) {
  dynamodb::Query query;
  query.table = table;
  query.key_condition = "pk = :p";
  query.terms.values = {{":p", dynamodb::text(month_partition(month))}};
  query.consistent = true;
  return query;
}

}  // namespace

struct DynamoCosts::Looking {
  std::vector<std::string> events;
  std::vector<std::string> months;
  std::deque<Item> keys;                      // that are yet to be read
  std::map<std::string, std::string> hashes;  // by partition
  Known known;
  int tries = 0;
  std::function<void(Result<Known>)> done;
};

struct DynamoCosts::Booking {
  std::deque<wire::Cost> costs;
  int tries = 0;
  std::function<void(Status)> done;
};

void DynamoCosts::begin() {
  forget();
  slow_at_ = world_.time.now() + world_.slow;
}

bool DynamoCosts::pause(int& tries, std::function<void()> again) {
  if (++tries > kTriesMax) return false;
  const Duration most = kPauseMin * (std::int64_t{1} << tries);
  world_.time.after(chance_.between(most / 2, most), here(std::move(again)));
  return true;
}

// ---- look --------------------------------------------------------------------------------------

void DynamoCosts::look(std::vector<std::string> events, std::vector<std::string> months,
                       std::function<void(Result<Known>)> done) {
  begin();
  const auto work = std::make_shared<Looking>();
  work->events = std::move(events);
  work->months = std::move(months);
  work->done = std::move(done);
  for (const std::string& event : work->events) work->keys.push_back(event_key(event));
  find_events(work);
}

void DynamoCosts::find_events(const std::shared_ptr<Looking>& work) {
  if (work->keys.empty()) return add_months(work);
  if (is_slow()) return work->done(slow("BatchGetItem"));
  const std::size_t count = std::min(work->keys.size(), dynamodb::kBatchGetMax);
  std::vector<Item> keys(work->keys.begin(),
                         work->keys.begin() + static_cast<std::ptrdiff_t>(count));
  work->keys.erase(work->keys.begin(), work->keys.begin() + static_cast<std::ptrdiff_t>(count));
  const auto read = here([this, work](const aws::Outcome& outcome) {
    auto got = dynamodb::read_got(outcome, table_.name);
    if (!got.ok()) return work->done(failed("BatchGetItem", got.refusal()));
    for (const Item& item : got->items) work->hashes[text_of(item, "pk")] = text_of(item, "hash");
    if (got->unread.empty()) {
      work->tries = 0;
      return find_events(work);
    }
    work->keys.insert(work->keys.end(), got->unread.begin(), got->unread.end());
    if (pause(work->tries, [this, work] { find_events(work); })) return;
    work->done(Error{Trouble::kUnavailable, "BatchGetItem: keys stay unread: throttled"});
  });
  world_.client.call(quick(dynamodb::batch_get(table_.name, keys, true)), read);
}

void DynamoCosts::add_months(const std::shared_ptr<Looking>& work) {
  const std::size_t at = work->known.months.size();
  if (at == work->months.size()) {
    for (const std::string& event : work->events) {
      const Item key = event_key(event);
      work->known.events.push_back(work->hashes[text_of(key, "pk")]);
    }
    return work->done(std::move(work->known));
  }
  if (is_slow()) return work->done(slow("Query"));
  work->known.months.emplace_back();
  const auto still = std::weak_ptr<bool>(here_);
  aws::for_each_page<dynamodb::Page>(
      world_.client, {[query = month_query(table_.name, work->months[at])](
                          const std::string& next) { return quick(dynamodb::query(query, next)); },
                      &dynamodb::read_page,
                      [work](const dynamodb::Page& page) {
                        for (const Item& item : page.items) {
                          work->known.months.back().push_back(
                              {text_of(item, "sk"), number_of(item, "amount_nano")});
                        }
                        return true;
                      },
                      [this, still, work](const std::optional<aws::Refusal>& why) {
                        if (still.expired()) return;
                        why ? work->done(failed("Query", *why)) : add_months(work);
                      }});
}

// ---- book --------------------------------------------------------------------------------------

void DynamoCosts::book(std::vector<wire::Cost> costs, std::function<void(Status)> done) {
  begin();
  const auto work = std::make_shared<Booking>();
  work->costs.assign(std::make_move_iterator(costs.begin()), std::make_move_iterator(costs.end()));
  work->done = std::move(done);
  book_next(work);
}

void DynamoCosts::book_next(const std::shared_ptr<Booking>& work) {
  if (work->costs.empty()) return work->done(Done{});
  if (is_slow()) return work->done(slow("TransactWriteItems"));
  const CostTransaction next = next_transaction(work->costs, table_, world_.time.wall());
  const std::size_t writes = next.writes.size();
  const auto read = here([this, work, costs = next.costs, writes](const aws::Outcome& outcome) {
    const auto how = dynamodb::read_transaction(outcome, writes);
    if (!how.ok()) return work->done(failed("TransactWriteItems", how.refusal()));
    if (how->written) {
      work->costs.erase(work->costs.begin(),
                        work->costs.begin() + static_cast<std::ptrdiff_t>(costs));
      work->tries = 0;
      return book_next(work);
    }
    refused(work, *how);
  });
  world_.client.call(quick(dynamodb::transact_write(next.writes, world_.token())), read);
}

// Events that are there were booked by this transaction, whose answer was lost, or by another: they
// are left out. What passes is said again.
void DynamoCosts::refused(const std::shared_ptr<Booking>& work, const dynamodb::Transaction& how) {
  if (how.may_pass()) {
    if (pause(work->tries, [this, work] { book_next(work); })) return;
    return work->done(Error{Trouble::kUnavailable, "TransactWriteItems: conflicts or throttling"});
  }
  std::deque<wire::Cost> left;
  bool found = false;
  for (std::size_t i = 0; i < work->costs.size(); ++i) {
    const bool is_there = i < how.causes.size() && how.causes[i] == dynamodb::Cause::kCondition;
    found = found || is_there;
    if (!is_there) left.push_back(std::move(work->costs[i]));
  }
  work->costs = std::move(left);
  if (found) return book_next(work);
  const auto other = std::find_if(how.codes.begin(), how.codes.end(),
                                  [](const std::string& code) { return code != "None"; });
  work->done(Error{Trouble::kUnavailable,
                   "TransactWriteItems: " + (other == how.codes.end() ? "" : *other)});
}

}  // namespace sluice::auditor
