// The ledger in SQLite (ledger_port.h): one file, one writer, the same keys as the tables of a
// larger installation (costs by date and provider, then by agent and type). Days and months are
// UTC. A transaction per call; durable when answered.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/ledger_port.h"
#include "lib/base/result.h"
#include "lib/port/sqlite.h"

namespace sluice::auditor {

// How long things are remembered that nobody asks for any more.
struct Retention {
  Duration records = hours(24 * 30);  // a record said again after this would be written again
  Duration events = hours(24 * 400);
  Duration alerts = hours(24 * 365);
};

class SqliteLedger {
 public:
  static Result<std::unique_ptr<SqliteLedger>> open(const std::string& path, Retention retention);

  LedgerAnswer answer(const LedgerCall& call);

  // Forgets some of what is older than its retention; cheap, to be called again and again. Whether
  // there may be more of it.
  Result<bool> sweep(StoreTime now);
  // Between commits, now and then; what is due is port::Sqlite's to know.
  void checkpoint_if_due(bool idle);

 private:
  explicit SqliteLedger(port::Sqlite database, Retention retention);
  Status prepare();
  Status ensure_secret();

  Result<LedgerAnswer> open_call(const LedgerOpen& ask);
  Result<LedgerAnswer> look(const LedgerLook& ask);
  Result<LedgerAnswer> book(const LedgerBook& ask);
  Result<LedgerAnswer> follow(const LedgerFollow& ask);

  Result<LedgerFound> known(const LedgerLook& ask);
  Status make_secrets(const std::vector<std::string>& keys, std::vector<std::string>& secrets);
  Result<std::vector<ProviderTotal>> totals_of(const std::string& month);
  Status book_cost(const wire::Cost& cost);
  Status book_limits(const LimitsSeen& limits);
  Result<bool> book_alert(const wire::Alert& alert);
  Status book_indexed(const Indexed& indexed);
  Result<std::vector<wire::Alert>> alerts_between(std::int64_t first, std::int64_t last,
                                                  std::int64_t max);

  port::Sqlite database_;
  Retention retention_;
  StoreTime newest_;  // the newest time of records in indexed lines
  StoreTime marked_;  // the last one in `marks`
  // Statements go before the database does: they are declared after it.
  struct Statements;
  std::unique_ptr<Statements> statements_;

 public:
  ~SqliteLedger();
  SqliteLedger(const SqliteLedger&) = delete;
  SqliteLedger& operator=(const SqliteLedger&) = delete;
};

// ---- for people: other processes may read while the auditor writes ----------------------------

struct CostRow {
  std::string provider;
  std::string agent;
  std::string type;
  std::int64_t amount_nano = 0;
  std::int64_t units = 0;
  std::int64_t events = 0;
  bool expired = false;  // of days whose sums are kept no longer: of all agents and types
};

class LedgerReader {
 public:
  static Result<LedgerReader> open(const std::string& path);
  Result<std::vector<CostRow>> costs(const std::string& month);
  // The key's secret; nothing when it has none (never seen, or erased).
  Result<std::optional<std::string>> secret(const std::string& key);
  // Each key with its secret, until `each` says false.
  Status secrets(const std::function<bool(std::string_view key, std::string_view secret)>& each);
  struct Known {
    std::uint64_t line = 0;
    std::string hash;
  };
  Result<Known> indexed();

 private:
  explicit LedgerReader(port::Sqlite database) : database_(std::move(database)) {}
  port::Sqlite database_;
};

// Destroys the key's secret, also in the file's free pages and its WAL: true when there was one.
// kUnavailable when readers kept it in the WAL for so long: to be said again.
Result<bool> erase_key(const std::string& path, const std::string& key, int wait_ms = 10'000);

}  // namespace sluice::auditor
