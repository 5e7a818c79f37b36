// show and costs: the trail's lines of a key, a message or a time; the ledger's sums.
#include <algorithm>
#include <fstream>
#include <iomanip>
#include <ostream>
#include <set>

#include "auditor/disk_trail.h"
#include "auditor/shell.h"
#include "auditor/trail_facts.h"
#include "auditor/verbs.h"
#include "lib/base/money.h"

namespace sluice::auditor {
namespace {

// What the lines that are wanted have in their fields `key` and `id`.
struct Names {
  std::optional<std::string> key;
  std::optional<std::set<std::string, std::less<>>> ids;  // one for each key that may have it
};

Result<Names> names_of(const std::string& data_dir, const Wanted& wanted) {
  Names names;
  if (wanted.key.empty() && wanted.id.empty()) return names;
  auto ledger = LedgerReader::open(ledger_path(data_dir));
  if (!ledger) return ledger.error();
  if (!wanted.key.empty()) {
    auto secret = ledger->secret(wanted.key);
    if (!secret) return secret.error();
    if (!*secret) {
      return Error{Trouble::kUsage, "key \"" + wanted.key + "\" was never seen, or was erased"};
    }
    names.key = key_name(**secret, wanted.key);
    if (!wanted.id.empty()) names.ids.emplace({id_name(**secret, wanted.id)});
  } else {
    names.ids.emplace();
    auto done = ledger->secrets([&](std::string_view, std::string_view secret) {
      names.ids->insert(id_name(secret, wanted.id));
      return true;
    });
    if (!done) return done.error();
  }
  return names;
}

bool is_wanted(const std::string& text, const Wanted& wanted, const Names& names) {
  // Most lines are not: parsing is only for those that may be.
  if (names.key && text.find(*names.key) == std::string::npos) return false;
  const auto line = read_line(text);
  if (!line.ok()) return false;
  if (names.key && line->text("key") != *names.key) return false;
  if (names.ids && !names.ids->contains(line->text("id"))) return false;
  return !wanted.since || line->at >= *wanted.since;
}

}  // namespace

Status show_lines(const std::string& data_dir, const Wanted& wanted, std::ostream& out) {
  const std::string directory = trail_directory(data_dir);
  const auto numbers = segments_in(directory);
  if (!numbers) return numbers.error();
  const auto names = names_of(data_dir, wanted);
  if (!names) return names.error();
  for (const std::uint64_t number : *numbers) {
    std::ifstream file(segment_path(directory, number), std::ios::binary);
    for (std::string text; std::getline(file, text) && !file.eof();) {
      if (is_wanted(text, wanted, *names)) out << text << '\n';
    }
  }
  out.flush();
  return Done{};
}

Status show_costs(const std::string& data_dir, const std::string& month,
                  const std::vector<Budget>& budgets, std::ostream& out) {
  auto ledger = LedgerReader::open(ledger_path(data_dir));
  if (!ledger) return ledger.error();
  const auto rows = ledger->costs(month);
  if (!rows) return rows.error();
  std::vector<ProviderTotal> totals;
  std::int64_t sum = 0;
  out << "costs of " << month << " (UTC), USD\n";
  for (const CostRow& row : *rows) {
    out << std::setw(20) << format_dollars(row.amount_nano, 2) << "  " << row.provider << "  "
        << row.agent << "  " << row.type << "  " << row.events << " events, " << row.units
        << " units\n";
    totals.push_back({row.provider, row.amount_nano});
    sum = add_capped(sum, row.amount_nano);
  }
  out << std::setw(20) << format_dollars(sum, 2) << "  in all\n";
  for (const Budget& budget : budgets) {
    const std::int64_t used = spent(budget, totals);
    out << "budget " << budget.name << ": " << format_dollars(used, 2) << " of "
        << format_dollars(budget.amount_nano, 2) << ", "
        << used / std::max<std::int64_t>(budget.amount_nano / 100, 1) << " %\n";
  }
  return Done{};
}

}  // namespace sluice::auditor
