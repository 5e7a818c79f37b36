// What was booked in a month, for people: from the ledger's file, or from the table of DynamoDB.
#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "auditor/cost_items.h"
#include "auditor/uses.h"
#include "auditor/verbs.h"
#include "lib/aws/pages.h"

namespace sluice::auditor {

namespace {

namespace dynamodb = aws::dynamodb;

constexpr int kDaysMax = 31;

// All items of a partition; nobody else is on this loop.
Result<std::vector<dynamodb::Item>> items_of(const std::string& table, const std::string& partition,
                                             port::Poller& poller, aws::Client& client) {
  dynamodb::Query query;
  query.table = table;
  query.key_condition = "pk = :p";
  query.terms.values = {{":p", dynamodb::text(partition)}};
  query.consistent = true;
  std::vector<dynamodb::Item> items;
  std::optional<Status> ended;
  aws::for_each_page<dynamodb::Page>(
      client,
      {[&](const std::string& next) { return dynamodb::query(query, next); }, &dynamodb::read_page,
       [&](const dynamodb::Page& page) {
         items.insert(items.end(), page.items.begin(), page.items.end());
         return true;
       },
       [&](const std::optional<aws::Refusal>& why) {
         ended = !why ? Status(Done{})
                      : Status(Error{Trouble::kUnavailable,
                                     table + ": " + why->code + ": " + why->message});
       }});
  while (!ended) poller.poll(poller.now() + seconds(1));
  if (!ended->ok()) return ended->error();
  return items;
}

}  // namespace

Result<std::vector<CostRow>> costs_of_file(const std::string& path, const std::string& month) {
  auto ledger = LedgerReader::open(path);
  if (!ledger) return ledger.error();
  return ledger->costs(month);
}

// What the days lack was booked on days that have expired; it is less than nothing when something
// was booked between the two readings.
std::vector<CostRow> month_rows(const std::vector<dynamodb::Item>& month,
                                const std::vector<dynamodb::Item>& days) {
  std::map<std::tuple<std::string, std::string, std::string>, CostRow> rows;
  std::map<std::string, CostRow> rests;
  const auto add = [](CostRow& to, const dynamodb::Item& sums, std::int64_t sign) {
    to.amount_nano += sign * number_of(sums, "amount_nano");
    to.units += sign * number_of(sums, "units");
    to.events += sign * number_of(sums, "events");
  };
  for (const dynamodb::Item& sums : month) add(rests[text_of(sums, "sk")], sums, 1);
  for (const dynamodb::Item& sums : days) {
    const std::tuple whose{text_of(sums, "provider"), text_of(sums, "agent"),
                           text_of(sums, "type")};
    CostRow& row = rows[whose];
    std::tie(row.provider, row.agent, row.type) = whose;
    add(row, sums, 1);
    add(rests[row.provider], sums, -1);
  }
  std::vector<CostRow> found;
  for (auto& [whose, row] : rows) found.push_back(std::move(row));
  for (auto& [provider, rest] : rests) {
    if (rest.events <= 0) continue;
    rest.provider = provider;
    rest.expired = true;
    found.push_back(std::move(rest));
  }
  return found;
}

Result<std::vector<CostRow>> costs_of_table(const std::string& table,
                                            const aws::SessionSettings& settings,
                                            const std::string& month) {
  port::Poller poller;
  const auto session = aws::Session::open(poller, settings, kCostsUses);
  if (!session) return session.error();
  aws::Client& client = (*session)->client();
  const auto providers = items_of(table, month_partition(month), poller, client);
  if (!providers) return providers.error();
  std::vector<dynamodb::Item> days;
  for (const dynamodb::Item& item : *providers) {
    for (int day = 1; day <= kDaysMax; ++day) {
      const std::string date = month + (day < 10 ? "-0" : "-") + std::to_string(day);
      const auto sums = items_of(table, day_partition(date, text_of(item, "sk")), poller, client);
      if (!sums) return sums.error();
      days.insert(days.end(), sums->begin(), sums->end());
    }
  }
  return month_rows(*providers, days);
}

}  // namespace sluice::auditor
