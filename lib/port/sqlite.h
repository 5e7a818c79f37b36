// SQLite, thin: connections, prepared statements, transactions. One thread. Every durable promise
// of the embedded stores rests on open()'s pragmas: WAL, synchronous = FULL, foreign keys on, and
// no checkpoint inside a commit (call checkpoint() when idle).
//
// Errors: kFull (disk full), kCorrupt (damaged, or not a database), kUnavailable (all else: busy,
// I/O, constraint broken by us ...). `what` says which statement.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::port {

class Sqlite;

// A prepared statement. Use: bind by position from 1, then step() until kDone, then reset()
// (or a Row loop). Bound bytes must live until reset(). Rows' views live until the next step().
class Statement {
 public:
  enum class Step : std::uint8_t { kRow, kDone };

  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  Statement& bind(int at, std::int64_t value);
  Statement& bind_text(int at, std::string_view value);
  Statement& bind_blob(int at, std::string_view value);
  Statement& bind_null(int at);

  Result<Step> step();
  // For statements without rows: one step and reset. Rows are thrown away.
  Status run();
  // Forgets the bindings, too.
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;    // columns count from 0
  [[nodiscard]] std::string_view bytes(int column) const;  // text or blob
  [[nodiscard]] bool null(int column) const;

 private:
  friend class Sqlite;
  sqlite3* database_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

struct SqliteOptions {
  bool create = true;
  bool read_only = false;
  int busy_timeout_ms = 2000;  // at least so long for another process that writes
};

class Sqlite {
 public:
  // Makes the file's directory if need be. ":memory:" works.
  static Result<Sqlite> open(const std::string& path, SqliteOptions options = {});
  Sqlite(Sqlite&& other) noexcept;
  Sqlite& operator=(Sqlite&& other) noexcept;
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;
  ~Sqlite();  // statements must be gone before

  // One or more statements without parameters: schema, pragmas.
  Status execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);

  // What is wrong with the file as a whole (quick_check); empty: nothing was found. Only up to 256
  // MiB: a larger one would hold up a start for seconds, and its damage shows when it is read.
  Result<std::string> damage();

  Status begin();        // BEGIN IMMEDIATE
  Status begin_reads();  // many reads at the price of one lock; ended by rollback()
  Status commit();       // durable when this returns
  void rollback();
  [[nodiscard]] bool in_transaction() const;

  [[nodiscard]] std::int64_t changes() const;  // rows changed by the last statement
  [[nodiscard]] std::int64_t last_rowid() const;

  // Moves the WAL into the database file as far as readers allow: when idle, never while somebody
  // waits for a commit.
  void checkpoint();
  // The same, but only when it is worth the stall: idle above 4 MiB; otherwise above 64 MiB, since
  // under a load that never pauses the WAL would grow until the disk is full.
  void checkpoint_if_due(bool idle);
  // What is in the WAL and not in the file, as of this connection's last commit.
  [[nodiscard]] std::int64_t wal_bytes() const { return *wal_bytes_; }

 private:
  explicit Sqlite(sqlite3* database);
  sqlite3* database_ = nullptr;
  std::unique_ptr<std::int64_t> wal_bytes_;
};

// Rolls back unless committed.
class Transaction {
 public:
  enum class Durable : std::uint8_t {
    kNow,    // when commit() returns
    kLater,  // with the next commit that is durable now; until then a crash of the machine, not of
             // the process, may undo it as a whole
  };
  static Result<Transaction> begin(Sqlite& database, Durable durable = Durable::kNow);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  Status commit();

 private:
  Transaction(Sqlite& database, Durable durable) : database_(&database), durable_(durable) {}
  void durable_again();
  Sqlite* database_;
  Durable durable_;
};

}  // namespace sluice::port
