// Costs as items of a DynamoDB table (README.md, "Costs on DynamoDB"). Pure.
//
//   EVENT#<event_id>          event               that this cost is booked, and its content hash
//   COST#<date>#<provider>    <agent>#<type>      sums of a day
//   MONTH#<month>             <provider>          sums of a month, which budgets go by
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/ledger_port.h"
#include "lib/aws/dynamodb.h"
#include "lib/base/instant.h"

namespace sluice::auditor {

constexpr std::size_t kEventsOfTransaction = 50;

struct CostTable {
  std::string name;  // empty: costs are in the ledger's file
  // How long items are kept from when they were last written.
  Duration keep_events = hours(24 * 400);
  Duration keep_days = hours(24 * 90);
  Duration keep_months = hours(24 * 400);
};

aws::dynamodb::Item event_key(const std::string& event_id);
std::string day_partition(const std::string& date, const std::string& provider);
std::string month_partition(const std::string& month);

// The longest beginning of `costs` that one transaction holds: its first writes are their events,
// in order. At least one cost.
struct CostTransaction {
  std::vector<aws::dynamodb::Write> writes;
  std::size_t costs = 0;
};
CostTransaction next_transaction(const std::deque<wire::Cost>& costs, const CostTable& table,
                                 StoreTime now);

// 0 and "" where an attribute is not there.
std::int64_t number_of(const aws::dynamodb::Item& item, const char* name);
std::string text_of(const aws::dynamodb::Item& item, const char* name);

}  // namespace sluice::auditor
