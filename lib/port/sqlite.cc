#include "lib/port/sqlite.h"

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <utility>

#include "lib/base/check.h"
#include "lib/port/lockfile.h"

namespace sluice::port {

namespace {

Trouble trouble_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Trouble::kFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Trouble::kCorrupt;
    default:
      return Trouble::kUnavailable;
  }
}

// Names the file: whoever reads it is to know which one to look at.
Error failure(sqlite3* database, int code, std::string_view during) {
  const char* file = database != nullptr ? sqlite3_db_filename(database, "main") : nullptr;
  std::string what = "SQLite: ";
  if (file != nullptr && *file != '\0') what += std::string(file) + ": ";
  what += database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  what += " (";
  what += sqlite3_errstr(code);
  what += "), during: ";
  what += during.substr(0, 200);
  const Trouble trouble = trouble_of(code);
  if (trouble == Trouble::kCorrupt) {
    what += "; the file is damaged: stop its process and restore it from a backup";
  }
  return {trouble, std::move(what)};
}

// The order matters: WAL before synchronous, and no automatic checkpoint, which would run inside
// somebody's commit. Debian's SQLite overwrites what is deleted, and so writes pages that nobody
// will read again; a store that has secrets asks for that itself (the auditor's ledger).
constexpr const char* kPragmas =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA secure_delete = FAST;"
    "PRAGMA temp_store = MEMORY;";
constexpr const char* kReaderPragmas = "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;";
constexpr std::uintmax_t kCheckedBytesMax = 256UL * 1024 * 1024;
constexpr std::int64_t kPageBytes = 4096;
constexpr std::int64_t kWalWorthWhenIdle = 4LL * 1024 * 1024;
constexpr std::int64_t kWalMost = 64LL * 1024 * 1024;

// Asks each millisecond: whoever writes without a pause leaves the file free for no longer, and
// SQLite's own handler, which asks ever more rarely, would miss it.
int wait_for_the_file(void* most_ms, int asked) {
  if (asked >= static_cast<int>(reinterpret_cast<std::intptr_t>(most_ms))) return 0;
  sqlite3_sleep(1);
  return 1;
}

// One thread uses SQLite in each process: no locks, and no counts of memory, which each allocation
// would take one for. Before the first connection only.
bool set_up() {
  return sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK &&
         sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK;
}

int count_wal(void* bytes, sqlite3*, const char*, int pages) {
  *static_cast<std::int64_t*>(bytes) = pages * kPageBytes;
  return SQLITE_OK;
}

}  // namespace

// ---- statements ----

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(statement_, other.statement_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(int at, std::int64_t value) {
  CHECK(sqlite3_bind_int64(statement_, at, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_text(int at, std::string_view value) {
  const char* start = value.data() == nullptr ? "" : value.data();  // nullptr would bind NULL
  CHECK(sqlite3_bind_text64(statement_, at, start, value.size(), SQLITE_STATIC, SQLITE_UTF8) ==
        SQLITE_OK);
  return *this;
}

Statement& Statement::bind_blob(int at, std::string_view value) {
  const char* start = value.data() == nullptr ? "" : value.data();
  CHECK(sqlite3_bind_blob64(statement_, at, start, value.size(), SQLITE_STATIC) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_null(int at) {
  CHECK(sqlite3_bind_null(statement_, at) == SQLITE_OK);
  return *this;
}

Result<Statement::Step> Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return Step::kRow;
  if (code == SQLITE_DONE) return Step::kDone;
  Error error = failure(database_, code, sqlite3_sql(statement_));
  reset();
  return error;
}

Status Statement::run() {
  for (;;) {
    auto stepped = step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kRow) continue;
    reset();
    return Done{};
  }
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string_view Statement::bytes(int column) const {
  const void* start = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return start == nullptr
             ? std::string_view{}
             : std::string_view(static_cast<const char*>(start), static_cast<std::size_t>(size));
}

bool Statement::null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

// ---- connections ----

Sqlite::Sqlite(sqlite3* database)
    : database_(database), wal_bytes_(std::make_unique<std::int64_t>(0)) {}

Sqlite::Sqlite(Sqlite&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)), wal_bytes_(std::move(other.wal_bytes_)) {}

Sqlite& Sqlite::operator=(Sqlite&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(wal_bytes_, other.wal_bytes_);
  return *this;
}

Sqlite::~Sqlite() {
  if (database_ != nullptr) sqlite3_close_v2(database_);
}

Result<Sqlite> Sqlite::open(const std::string& path, SqliteOptions options) {
  const auto parent = std::filesystem::path(path).parent_path();
  if (options.create && !options.read_only && path != ":memory:" && !parent.empty()) {
    if (auto made = make_directory(parent.string()); !made) return made.error();
  }
  [[maybe_unused]] static const bool is_set_up = set_up();
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.create && !options.read_only) flags |= SQLITE_OPEN_CREATE;
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  Sqlite database(opened);
  if (code != SQLITE_OK) return failure(opened, code, "open " + path);
  const auto most_ms = static_cast<std::intptr_t>(options.busy_timeout_ms);
  sqlite3_busy_handler(opened, wait_for_the_file, reinterpret_cast<void*>(most_ms));
  auto set = database.execute(options.read_only ? kReaderPragmas : kPragmas);
  if (!set) return set.error();
  sqlite3_wal_hook(opened, count_wal, database.wal_bytes_.get());
  return database;
}

Status Sqlite::execute(const std::string& sql) {
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(database_, code, sql);
  return Done{};
}

Result<Statement> Sqlite::prepare(std::string_view sql) {
  Statement statement;
  statement.database_ = database_;
  const int code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement.statement_, nullptr);
  if (code != SQLITE_OK) return failure(database_, code, sql);
  CHECK(statement.statement_ != nullptr);
  return statement;
}

Result<std::string> Sqlite::damage() {
  const char* file = sqlite3_db_filename(database_, nullptr);
  std::error_code unreadable;
  const auto size = std::filesystem::file_size(file != nullptr ? file : "", unreadable);
  if (unreadable || size > kCheckedBytesMax) return std::string();
  auto asked = prepare("PRAGMA quick_check(1)");
  if (!asked) return asked.error();
  auto stepped = asked->step();
  if (!stepped) return stepped.error();
  const std::string said(asked->bytes(0));
  asked->reset();
  return said == "ok" ? std::string() : said;
}

Status Sqlite::begin() { return execute("BEGIN IMMEDIATE"); }
Status Sqlite::begin_reads() { return execute("BEGIN"); }

Status Sqlite::commit() {
  auto done = execute("COMMIT");
  if (!done) rollback();  // an uncertain transaction must not stay open
  return done;
}

void Sqlite::rollback() {
  if (in_transaction()) (void)execute("ROLLBACK").ok();
}

bool Sqlite::in_transaction() const { return sqlite3_get_autocommit(database_) == 0; }
std::int64_t Sqlite::changes() const { return sqlite3_changes64(database_); }
std::int64_t Sqlite::last_rowid() const { return sqlite3_last_insert_rowid(database_); }

void Sqlite::checkpoint() {
  sqlite3_wal_checkpoint_v2(database_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  *wal_bytes_ = 0;  // what readers kept from being moved is counted again by the next commit
}

void Sqlite::checkpoint_if_due(bool idle) {
  if (*wal_bytes_ > (idle ? kWalWorthWhenIdle : kWalMost)) checkpoint();
}

// ---- transactions ----

Result<Transaction> Transaction::begin(Sqlite& database, Durable durable) {
  if (durable == Durable::kLater) {
    if (auto set = database.execute("PRAGMA synchronous = NORMAL"); !set) return set.error();
  }
  Transaction transaction(database, durable);
  if (auto begun = database.begin(); !begun) return begun.error();
  return transaction;
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)), durable_(other.durable_) {}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  database_->rollback();
  durable_again();
}

Status Transaction::commit() {
  auto committed = database_->commit();
  durable_again();
  database_ = nullptr;
  return committed;
}

// It holds for the connection, and cannot fail: SQLite only notes it.
void Transaction::durable_again() {
  if (durable_ == Durable::kLater) CHECK(database_->execute("PRAGMA synchronous = FULL").ok());
}

}  // namespace sluice::port
