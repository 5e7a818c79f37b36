// What people ask of the ledger, from another process while the auditor writes.
#include <utility>

#include "auditor/sqlite_ledger.h"
#include "auditor/trail_line.h"

namespace sluice::auditor {
namespace {

using port::Statement;

// Rows until `read` says false.
template <class Read>
Status rows_of(Result<Statement> statement, const std::vector<std::string>& texts, Read read) {
  if (!statement) return statement.error();
  for (std::size_t n = 0; n < texts.size(); ++n) {
    statement->bind_text(static_cast<int>(n + 1), texts[n]);
  }
  for (;;) {
    auto step = statement->step();
    if (!step) return step.error();
    if (*step == Statement::Step::kDone || !read(*statement)) return Done{};
  }
}

}  // namespace

Result<LedgerReader> LedgerReader::open(const std::string& path) {
  auto database = port::Sqlite::open(path, {false, true, 5'000});
  if (!database) return database.error();
  return LedgerReader(std::move(*database));
}

Result<std::vector<CostRow>> LedgerReader::costs(const std::string& month) {
  std::vector<CostRow> found;
  auto done = rows_of(
      database_.prepare("SELECT provider, agent, type, sum(amount_nano), sum(units), sum(events) "
                        "FROM costs WHERE date >= ?1 || '-01' AND date <= ?1 || '-31' "
                        "GROUP BY provider, agent, type ORDER BY provider, agent, type"),
      {month}, [&](const Statement& row) {
        found.push_back({std::string(row.bytes(0)), std::string(row.bytes(1)),
                         std::string(row.bytes(2)), row.integer(3), row.integer(4),
                         row.integer(5)});
        return true;
      });
  if (!done) return done.error();
  return found;
}

Result<std::optional<std::string>> LedgerReader::secret(const std::string& key) {
  std::optional<std::string> found;
  auto done = rows_of(database_.prepare("SELECT secret FROM keys WHERE key = ?"), {key},
                      [&](const Statement& row) {
                        found = std::string(row.bytes(0));
                        return false;
                      });
  if (!done) return done.error();
  return found;
}

Status LedgerReader::secrets(
    const std::function<bool(std::string_view key, std::string_view secret)>& each) {
  return rows_of(database_.prepare("SELECT key, secret FROM keys"), {},
                 [&](const Statement& row) { return each(row.bytes(0), row.bytes(1)); });
}

Result<LedgerReader::Known> LedgerReader::indexed() {
  Known known{0, no_hash()};
  auto done =
      rows_of(database_.prepare("SELECT line, hash FROM indexed"), {}, [&](const Statement& row) {
        known.line = static_cast<std::uint64_t>(row.integer(0));
        known.hash = std::string(row.bytes(1));
        return false;
      });
  if (!done) return done.error();
  return known;
}

// secure_delete overwrites the row in its page; the checkpoint empties the WAL, which had the page
// as it was, unless somebody still reads from it. Without a row the WAL may have one all the same:
// of an erasure that was not ended.
Result<bool> erase_key(const std::string& path, const std::string& key, int wait_ms) {
  auto database = port::Sqlite::open(path, {false, false, wait_ms});
  if (!database) return database.error();
  if (auto done = database->execute("PRAGMA secure_delete = ON"); !done) return done.error();
  {
    auto erase = database->prepare("DELETE FROM keys WHERE key = ?");
    if (!erase) return erase.error();
    if (auto done = erase->bind_text(1, key).run(); !done) return done.error();
  }
  const bool had_one = database->changes() > 0;
  bool busy = true;
  auto done =
      rows_of(database->prepare("PRAGMA wal_checkpoint(TRUNCATE)"), {}, [&](const Statement& row) {
        busy = row.integer(0) != 0;
        return false;
      });
  if (!done) return done.error();
  if (busy) {
    return Error{Trouble::kUnavailable,
                 path +
                     "-wal: somebody reads the ledger, and until that ends the secret is still "
                     "in this file: run it again"};
  }
  return had_one;
}

}  // namespace sluice::auditor
