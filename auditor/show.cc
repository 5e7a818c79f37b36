// show and costs: the trail's lines of a key, a message or a time; the ledger's sums.
#include <algorithm>
#include <fstream>
#include <iomanip>
#include <ostream>
#include <set>

#include "auditor/disk_trail.h"
#include "auditor/forecast.h"
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

bool is_wanted(const Line& line, const Wanted& wanted, const Names& names) {
  if (names.key && line.text("key") != *names.key) return false;
  if (names.ids && !names.ids->contains(line.text("id"))) return false;
  return !wanted.since || line.at >= *wanted.since;
}

Error unreadable(const std::string& path, const std::string& why) {
  return {Trouble::kCorrupt, path + ": " + why + ": see sluice-auditor verify"};
}

// What follows the last line feed is no line (yet), and nobody misses it. Anything else that cannot
// be read may be what is wanted: an error, not an answer that lacks it.
Status show_segment(const std::string& path, const Wanted& wanted, const Names& names,
                    std::ostream& out) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable(path, "cannot be read");
  std::uint64_t file_line = 0;
  for (std::string text; std::getline(file, text) && !file.eof();) {
    ++file_line;
    const auto line = read_line(text);
    if (!line) {
      return unreadable(path + ":" + std::to_string(file_line), "damaged: " + line.error().what);
    }
    if (is_wanted(*line, wanted, names)) out << text << '\n';
  }
  if (file.bad()) return unreadable(path, "cannot be read to its end");
  return Done{};
}

}  // namespace

Status show_lines(const std::string& data_dir, const Wanted& wanted, std::ostream& out) {
  const std::string directory = trail_directory(data_dir);
  const auto numbers = segments_in(directory);
  if (!numbers) return numbers.error();
  const auto names = names_of(data_dir, wanted);
  if (!names) return names.error();
  for (const std::uint64_t number : *numbers) {
    auto shown = show_segment(segment_path(directory, number), wanted, *names, out);
    if (!shown) {
      out.flush();
      return shown;
    }
  }
  out.flush();
  return Done{};
}

Result<std::optional<std::string>> key_of(LedgerReader& ledger, std::string_view name) {
  std::optional<std::string> found;
  auto done = ledger.secrets([&](std::string_view key, std::string_view secret) {
    if (key_name(secret, key) == name) found = std::string(key);
    return !found;
  });
  if (!done) return done.error();
  return found;
}

void show_costs(const std::vector<CostRow>& rows, const CostsAsked& asked, std::ostream& out) {
  const auto& [month, budgets, now] = asked;
  std::vector<ProviderTotal> totals;
  std::int64_t sum = 0;
  out << "costs of " << month << " (UTC), USD\n";
  for (const CostRow& row : rows) {
    out << std::setw(20) << format_dollars(row.amount_nano, 2) << "  " << row.provider << "  "
        << (row.expired ? "of days that have expired" : row.agent + "  " + row.type) << "  "
        << row.events << " events, " << row.units << " units\n";
    totals.push_back({row.provider, row.amount_nano});
    sum = add_capped(sum, row.amount_nano);
  }
  out << std::setw(20) << format_dollars(sum, 2) << "  in all\n";
  for (const Budget& budget : budgets) {
    const std::int64_t used = spent(budget, totals);
    out << "budget " << budget.name << ": " << format_dollars(used, 2) << " of "
        << format_dollars(budget.amount_nano, 2) << ", "
        << used / std::max<std::int64_t>(budget.amount_nano / 100, 1) << " %; forecast "
        << format_dollars(forecast(used, month, now, budget.forecast_from), 2) << "\n";
  }
}

}  // namespace sluice::auditor
