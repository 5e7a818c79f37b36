#include "auditor/cost_items.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "lib/base/calendar.h"
#include "lib/base/check.h"

namespace sluice::auditor {

namespace {

namespace dynamodb = aws::dynamodb;
using dynamodb::Item;
using dynamodb::Write;

constexpr std::uint64_t kUnitsMax = 1'000'000'000'000;  // of one cost, so that sums stay whole
constexpr const char* kEventSort = "event";

// What is written before a '#', so that no two pairs are written alike.
std::string escaped(const std::string& text) {
  std::string written;
  for (const char c : text) {
    if (c == '#') {
      written += "%23";
    } else if (c == '%') {
      written += "%25";
    } else {
      written += c;
    }
  }
  return written;
}

Item key_of(std::string partition, std::string sort) {
  return {{"pk", dynamodb::text(std::move(partition))}, {"sk", dynamodb::text(std::move(sort))}};
}

dynamodb::Value ends(StoreTime now, Duration keep) {
  return dynamodb::number((now + keep).us / 1'000'000);
}

Write event_of(const wire::Cost& cost, const CostTable& table, StoreTime now) {
  Write put{Write::Kind::kPut, table.name, event_key(cost.event_id)};
  put.item["hash"] = dynamodb::bytes(cost.content_hash);
  put.item["at"] = dynamodb::number(cost.at.us);
  put.item["ttl"] = ends(now, table.keep_events);
  put.condition = "attribute_not_exists(pk)";
  return put;
}

struct Sums {
  std::int64_t amount_nano = 0;
  std::int64_t units = 0;
  std::int64_t events = 0;

  void add(const wire::Cost& cost) {
    amount_nano += cost.amount_nano;
    units += static_cast<std::int64_t>(std::min(cost.units, kUnitsMax));
    events += 1;
  }
};

// Adds, and says what it is the sum of.
Write sum_of(const std::string& table, Item key, const Sums& sums, const Item& facts) {
  Write write{Write::Kind::kUpdate, table, std::move(key)};
  write.update = "ADD amount_nano :a, units :u, events :e";
  write.terms.values = {{":a", dynamodb::number(sums.amount_nano)},
                        {":u", dynamodb::number(sums.units)},
                        {":e", dynamodb::number(sums.events)}};
  std::string set;
  int number = 0;
  for (const auto& [name, value] : facts) {
    const std::string n = std::to_string(++number);
    set += (set.empty() ? " SET #n" : ", #n") + n + " = :n" + n;
    write.terms.names["#n" + n] = name;
    write.terms.values[":n" + n] = value;
  }
  write.update += set;
  return write;
}

struct Day {
  Sums sums;
  const wire::Cost* cost = nullptr;  // one of them
};

}  // namespace

Item event_key(const std::string& event_id) { return key_of("EVENT#" + event_id, kEventSort); }

std::string day_partition(const std::string& date, const std::string& provider) {
  return "COST#" + date + "#" + provider;
}

std::string month_partition(const std::string& month) { return "MONTH#" + month; }

CostTransaction next_transaction(const std::deque<wire::Cost>& costs, const CostTable& table,
                                 StoreTime now) {
  CHECK(!costs.empty());
  std::set<std::string_view> events;
  std::map<std::pair<std::string, std::string>, Day> days;
  std::map<std::pair<std::string, std::string>, Sums> months;
  CostTransaction made;
  for (const wire::Cost& cost : costs) {
    const std::pair day{day_partition(day_of(cost.at), cost.provider),
                        escaped(cost.agent) + "#" + cost.type};
    const std::pair month{month_of(cost.at), cost.provider};
    const std::size_t more =
        1U + (days.contains(day) ? 0U : 1U) + (months.contains(month) ? 0U : 1U);
    const std::size_t all = events.size() + days.size() + months.size() + more;
    if (events.size() == kEventsOfTransaction || all > dynamodb::kTransactionMax) break;
    if (!events.insert(cost.event_id).second) break;  // an item is written once
    made.writes.push_back(event_of(cost, table, now));
    days[day].sums.add(cost);
    days[day].cost = &cost;
    months[month].add(cost);
  }
  made.costs = events.size();
  for (const auto& [key, day] : days) {
    made.writes.push_back(sum_of(table.name, key_of(key.first, key.second), day.sums,
                                 {{"date", dynamodb::text(day_of(day.cost->at))},
                                  {"provider", dynamodb::text(day.cost->provider)},
                                  {"agent", dynamodb::text(day.cost->agent)},
                                  {"type", dynamodb::text(day.cost->type)},
                                  {"ttl", ends(now, table.keep_days)}}));
  }
  for (const auto& [key, sums] : months) {
    made.writes.push_back(sum_of(table.name, key_of(month_partition(key.first), key.second), sums,
                                 {{"ttl", ends(now, table.keep_months)}}));
  }
  return made;
}

std::int64_t number_of(const Item& item, const char* name) {
  const auto found = item.find(name);
  std::int64_t number = 0;
  if (found == item.end() || found->second.kind != dynamodb::Value::Kind::kNumber) return 0;
  const std::string& text = found->second.text;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string text_of(const Item& item, const char* name) {
  const auto found = item.find(name);
  return found == item.end() ? "" : found->second.text;
}

}  // namespace sluice::auditor
