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

Result<std::vector<CostRow>> costs_of_table(const std::string& table,
                                            const aws::SessionSettings& settings,
                                            const std::string& month) {
  port::Poller poller;
  const auto session = aws::Session::open(poller, settings, kCostsUses);
  if (!session) return session.error();
  aws::Client& client = (*session)->client();
  const auto providers = items_of(table, month_partition(month), poller, client);
  if (!providers) return providers.error();
  std::map<std::tuple<std::string, std::string, std::string>, CostRow> rows;
  for (const dynamodb::Item& item : *providers) {
    for (int day = 1; day <= kDaysMax; ++day) {
      const std::string date = month + (day < 10 ? "-0" : "-") + std::to_string(day);
      const auto sums = items_of(table, day_partition(date, text_of(item, "sk")), poller, client);
      if (!sums) return sums.error();
      for (const dynamodb::Item& sum : *sums) {
        const std::tuple whose{text_of(sum, "provider"), text_of(sum, "agent"),
                               text_of(sum, "type")};
        CostRow& row = rows[whose];
        std::tie(row.provider, row.agent, row.type) = whose;
        row.amount_nano += number_of(sum, "amount_nano");
        row.units += number_of(sum, "units");
        row.events += number_of(sum, "events");
      }
    }
  }
  std::vector<CostRow> found;
  for (auto& [key, row] : rows) found.push_back(std::move(row));
  return found;
}

}  // namespace sluice::auditor
