#include "auditor/sqlite_ledger.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "auditor/trail_facts.h"
#include "auditor/trail_line.h"
#include "lib/base/calendar.h"
#include "lib/port/clock.h"
#include "lib/port/random.h"
#include "lib/wire/codec.h"

namespace sluice::auditor {
namespace {

using port::Statement;

constexpr std::size_t kSecretBytes = 32;
constexpr std::uint64_t kUnitsMax = 1'000'000'000'000;  // of one cost, so that sums stay whole
constexpr std::int64_t kDueMax = 10'000;
constexpr std::int64_t kSweepRows = 2'000;  // so that nobody waits for long

constexpr const char* kSchema = R"sql(
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (record BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_by_line ON records (line);
CREATE TABLE IF NOT EXISTS marks (at INTEGER PRIMARY KEY, line INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS indexed (one INTEGER PRIMARY KEY CHECK (one = 1),
  line INTEGER NOT NULL, hash BLOB NOT NULL, newest_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, content_hash BLOB NOT NULL,
  at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_by_time ON events (at);
CREATE TABLE IF NOT EXISTS costs (date TEXT, provider TEXT, agent TEXT, type TEXT,
  amount_nano INTEGER NOT NULL, units INTEGER NOT NULL, events INTEGER NOT NULL,
  PRIMARY KEY (date, provider, agent, type)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS months (month TEXT, provider TEXT, amount_nano INTEGER NOT NULL,
  events INTEGER NOT NULL, PRIMARY KEY (month, provider)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alerts (alert_id TEXT PRIMARY KEY, line INTEGER NOT NULL,
  at INTEGER NOT NULL, alert BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alerts_by_line ON alerts (line);
CREATE INDEX IF NOT EXISTS alerts_by_time ON alerts (at);
DROP TABLE IF EXISTS limits;
CREATE TABLE IF NOT EXISTS versions (number INTEGER PRIMARY KEY, upstream TEXT NOT NULL,
  version TEXT NOT NULL, rows TEXT NOT NULL, at INTEGER NOT NULL, replaced_at INTEGER NOT NULL,
  kept INTEGER NOT NULL, UNIQUE (upstream, version));
)sql";

// Kept from when it came: costs may be of days, and alerts of months, that are long past.
StoreTime kept_from(StoreTime at) { return std::max(at, port::wall_now()); }

// Runs the statement to its first row, gives it to `read`, and resets it.
template <class T, class Read>
Result<std::optional<T>> first_row(Statement& statement, Read read) {
  auto step = statement.step();
  if (!step) {
    statement.reset();
    return step.error();
  }
  std::optional<T> found;
  if (*step == Statement::Step::kRow) found = read(statement);
  statement.reset();
  return found;
}

template <class Read>
Status each_row(Statement& statement, Read read) {
  for (;;) {
    auto step = statement.step();
    if (!step) {
      statement.reset();
      return step.error();
    }
    if (*step == Statement::Step::kDone) break;
    if (!read(statement)) break;
  }
  statement.reset();
  return Done{};
}

// Limits as the trail has them, a line for each.
std::string rows_text(const std::vector<Limit>& limits) {
  std::string text;
  for (const Limit& limit : limits) text += limit_text(limit) + "\n";
  return text;
}

std::vector<Limit> read_rows(std::string_view text) {
  std::vector<Limit> limits;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto limit = read_limit_text(text.substr(0, end))) limits.push_back(std::move(*limit));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return limits;
}

std::int64_t to_int(std::uint64_t n) { return static_cast<std::int64_t>(n); }
std::uint64_t to_line(std::int64_t n) { return static_cast<std::uint64_t>(n); }

}  // namespace

struct SqliteLedger::Statements {
  Statement find_record;
  Statement find_secret;
  Statement add_secret;
  Statement find_event;
  Statement find_totals;
  Statement add_event;
  Statement add_cost;
  Statement add_month;
  Statement add_alert;
  Statement line_alert;
  Statement find_alerts;
  Statement replace_limits;
  Statement add_limits;
  Statement sweep_limits;
  Statement get_limits;
  Statement add_record;
  Statement add_mark;
  Statement set_indexed;
  Statement get_indexed;
  Statement watch_from;
  Statement sweep_records;
  Statement sweep_marks;
  Statement sweep_events;
  Statement sweep_alerts;
};

SqliteLedger::SqliteLedger(port::Sqlite database, Retention retention)
    : database_(std::move(database)),
      retention_(retention),
      statements_(std::make_unique<Statements>()) {}

SqliteLedger::~SqliteLedger() = default;

Result<std::unique_ptr<SqliteLedger>> SqliteLedger::open(const std::string& path,
                                                         Retention retention) {
  auto database = port::Sqlite::open(path);
  if (!database) return database.error();
  if (auto made = database->execute(kSchema); !made) return made.error();
  std::unique_ptr<SqliteLedger> ledger(new SqliteLedger(std::move(*database), retention));
  if (auto done = ledger->ensure_secret(); !done) return done.error();
  if (auto done = ledger->prepare(); !done) return done.error();
  return ledger;
}

Status SqliteLedger::ensure_secret() {
  auto add = database_.prepare("INSERT OR IGNORE INTO meta VALUES ('trail_secret', ?)");
  if (!add) return add.error();
  const std::string secret = port::random_bytes(kSecretBytes);
  return add->bind_blob(1, secret).run();
}

Status SqliteLedger::prepare() {
  Statements& all = *statements_;
  const std::pair<Statement*, const char*> texts[] = {
      {&all.find_record, "SELECT line FROM records WHERE record = ?"},
      {&all.find_secret, "SELECT secret FROM keys WHERE key = ?"},
      {&all.add_secret, "INSERT INTO keys VALUES (?, ?)"},
      {&all.find_event, "SELECT content_hash FROM events WHERE event_id = ?"},
      {&all.find_totals, "SELECT provider, amount_nano FROM months WHERE month = ?"},
      {&all.add_event, "INSERT OR IGNORE INTO events VALUES (?, ?, ?)"},
      {&all.add_cost,
       "INSERT INTO costs VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET "
       "amount_nano = amount_nano + excluded.amount_nano, units = units + excluded.units, "
       "events = events + 1"},
      {&all.add_month,
       "INSERT INTO months VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET "
       "amount_nano = amount_nano + excluded.amount_nano, events = events + 1"},
      {&all.add_alert, "INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?)"},
      {&all.line_alert, "UPDATE alerts SET line = ? WHERE alert_id = ?"},
      {&all.find_alerts,
       "SELECT line, alert FROM alerts WHERE line >= ?1 AND line <= ?2 ORDER BY line LIMIT ?3"},
      {&all.replace_limits,
       "UPDATE versions SET replaced_at = ?1 WHERE upstream = ?2 AND version <> ?3 "
       "AND replaced_at = 0 AND at <= ?1"},
      {&all.add_limits,
       "INSERT INTO versions VALUES ((SELECT coalesce(max(number), 0) + 1 FROM versions), ?1, ?2, "
       "?3, ?4, 0, ?5) ON CONFLICT (upstream, version) DO UPDATE SET number = excluded.number, "
       "at = excluded.at, replaced_at = 0"},
      {&all.get_limits,
       "SELECT upstream, version, rows, at, replaced_at FROM versions ORDER BY at, number"},
      {&all.sweep_limits,
       "DELETE FROM versions WHERE number IN (SELECT number FROM versions WHERE replaced_at > 0 "
       "AND replaced_at + kept < ?1 LIMIT ?2)"},
      {&all.add_record, "INSERT OR IGNORE INTO records VALUES (?, ?)"},
      {&all.add_mark, "INSERT OR IGNORE INTO marks VALUES (?, ?)"},
      {&all.set_indexed,
       "INSERT INTO indexed VALUES (1, ?, ?, ?) ON CONFLICT DO UPDATE SET line = excluded.line, "
       "hash = excluded.hash, newest_at = excluded.newest_at WHERE excluded.line > line"},
      {&all.get_indexed, "SELECT line, hash, newest_at FROM indexed"},
      {&all.watch_from, "SELECT coalesce(max(line), 1) FROM marks WHERE at < ?"},
      {&all.sweep_records,
       "DELETE FROM records WHERE record IN (SELECT record FROM records WHERE line < "
       "(SELECT coalesce(max(line), 0) FROM marks WHERE at < ?1) ORDER BY line LIMIT ?2)"},
      {&all.sweep_marks,
       "DELETE FROM marks WHERE at IN (SELECT at FROM marks WHERE at < ?1 AND line <= "
       "(SELECT coalesce(min(line), 0) FROM records) ORDER BY at LIMIT ?2)"},
      {&all.sweep_events,
       "DELETE FROM events WHERE event_id IN (SELECT event_id FROM events WHERE at < ?1 "
       "ORDER BY at LIMIT ?2)"},
      {&all.sweep_alerts,
       "DELETE FROM alerts WHERE alert_id IN (SELECT alert_id FROM alerts WHERE +line > 0 "
       "AND at < ?1 LIMIT ?2)"},
  };
  for (const auto& [statement, text] : texts) {
    auto prepared = database_.prepare(text);
    if (!prepared) return prepared.error();
    *statement = std::move(*prepared);
  }
  return Done{};
}

LedgerAnswer SqliteLedger::answer(const LedgerCall& call) {
  auto answered = [&]() -> Result<LedgerAnswer> {
    if (const auto* ask = std::get_if<LedgerOpen>(&call)) return open_call(*ask);
    if (const auto* ask = std::get_if<LedgerLook>(&call)) return look(*ask);
    if (const auto* ask = std::get_if<LedgerBook>(&call)) return book(*ask);
    return follow(std::get<LedgerFollow>(call));
  }();
  if (!answered) return LedgerFailed{answered.error().what};
  return std::move(*answered);
}

// ---- open --------------------------------------------------------------------------------------

Result<LedgerAnswer> SqliteLedger::open_call(const LedgerOpen& ask) {
  LedgerOpened opened;
  opened.indexed_hash = no_hash();
  auto secret = database_.prepare("SELECT value FROM meta WHERE name = 'trail_secret'");
  if (!secret) return secret.error();
  auto value = first_row<std::string>(
      *secret, [](const Statement& row) { return std::string(row.bytes(0)); });
  if (!value) return value.error();
  if (!*value) return Error{Trouble::kCorrupt, "the ledger has no secret"};
  opened.trail_secret = **value;
  auto indexed = first_row<Indexed>(statements_->get_indexed, [](const Statement& row) {
    return Indexed{0, to_line(row.integer(0)), std::string(row.bytes(1)), {row.integer(2)}};
  });
  if (!indexed) return indexed.error();
  if (*indexed) {
    opened.indexed_line = (*indexed)->line;
    opened.indexed_hash = (*indexed)->hash;
    newest_ = opened.newest = (*indexed)->at;
    auto from =
        first_row<std::int64_t>(statements_->watch_from.bind(1, (newest_ - ask.watch_span).us),
                                [](const Statement& row) { return row.integer(0); });
    if (!from) return from.error();
    opened.watch_from = to_line(from->value_or(1));
  }
  auto due = alerts_between(0, 0, kDueMax);
  if (!due) return due.error();
  opened.due = std::move(*due);
  auto read = each_row(statements_->get_limits, [&](const Statement& row) {
    opened.limits.push_back({std::string(row.bytes(0)),
                             std::string(row.bytes(1)),
                             read_rows(row.bytes(2)),
                             {row.integer(3)},
                             {row.integer(4)}});
    return true;
  });
  if (!read) return read.error();
  return LedgerAnswer{std::move(opened)};
}

Result<std::vector<wire::Alert>> SqliteLedger::alerts_between(std::int64_t first, std::int64_t last,
                                                              std::int64_t max) {
  std::vector<wire::Alert> alerts;
  std::optional<Error> bad;
  Statement& find = statements_->find_alerts.bind(1, first).bind(2, last).bind(3, max);
  auto done = each_row(find, [&](const Statement& row) {
    auto item = wire::decode_item(row.bytes(1));
    auto* alert = item.ok() ? std::get_if<wire::Alert>(&*item) : nullptr;
    if (alert == nullptr) {
      bad = Error{Trouble::kCorrupt, "an alert in the ledger cannot be read"};
      return false;
    }
    alert->cursor = to_line(row.integer(0));
    alerts.push_back(std::move(*alert));
    return true;
  });
  if (!done) return done.error();
  if (bad) return *bad;
  return alerts;
}

Result<LedgerAnswer> SqliteLedger::follow(const LedgerFollow& ask) {
  LedgerAlerts found;
  constexpr auto kLast = std::numeric_limits<std::int64_t>::max();
  if (ask.after >= static_cast<std::uint64_t>(kLast)) return LedgerAnswer{std::move(found)};
  auto alerts = alerts_between(to_int(ask.after) + 1, kLast, std::int64_t{ask.max} + 1);
  if (!alerts) return alerts.error();
  found.alerts = std::move(*alerts);
  found.more = found.alerts.size() > ask.max;
  if (found.more) found.alerts.resize(ask.max);
  return LedgerAnswer{std::move(found)};
}

// ---- look --------------------------------------------------------------------------------------

// For each key whose secret is empty.
Status SqliteLedger::make_secrets(const std::vector<std::string>& keys,
                                  std::vector<std::string>& secrets) {
  const auto missing =
      static_cast<std::size_t>(std::count(secrets.begin(), secrets.end(), std::string()));
  if (missing == 0) return Done{};
  auto transaction = port::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  const std::string random = port::random_bytes(missing * kSecretBytes);
  std::size_t at = 0;
  for (std::size_t n = 0; n < keys.size(); ++n) {
    if (!secrets[n].empty()) continue;
    secrets[n] = random.substr(at, kSecretBytes);
    at += kSecretBytes;
    auto added = statements_->add_secret.bind_text(1, keys[n]).bind_blob(2, secrets[n]).run();
    if (!added) return added;
  }
  return transaction->commit();
}

Result<std::vector<ProviderTotal>> SqliteLedger::totals_of(const std::string& month) {
  std::vector<ProviderTotal> totals;
  auto done = each_row(statements_->find_totals.bind_text(1, month), [&](const Statement& row) {
    totals.push_back({std::string(row.bytes(0)), row.integer(1)});
    return true;
  });
  if (!done) return done.error();
  return totals;
}

Result<LedgerFound> SqliteLedger::known(const LedgerLook& ask) {
  LedgerFound found;
  const auto text = [](const Statement& row) { return std::string(row.bytes(0)); };
  for (const std::string& key : ask.keys) {
    auto secret = first_row<std::string>(statements_->find_secret.bind_text(1, key), text);
    if (!secret) return secret.error();
    found.secrets.push_back(secret->value_or(""));
  }
  for (const std::string& record : ask.records) {
    auto line = first_row<std::int64_t>(statements_->find_record.bind_blob(1, record),
                                        [](const Statement& row) { return row.integer(0); });
    if (!line) return line.error();
    found.records.push_back(line->has_value());
  }
  for (const std::string& event : ask.events) {
    auto hash = first_row<std::string>(statements_->find_event.bind_text(1, event), text);
    if (!hash) return hash.error();
    found.events.push_back(hash->value_or(""));
  }
  for (const std::string& month : ask.months) {
    auto totals = totals_of(month);
    if (!totals) return totals.error();
    found.months.push_back(std::move(*totals));
  }
  return found;
}

// A secret is durable before a line is made with it: else lines could be left that nobody can
// show.
Result<LedgerAnswer> SqliteLedger::look(const LedgerLook& ask) {
  if (auto begun = database_.begin_reads(); !begun) return begun.error();
  auto found = known(ask);
  database_.rollback();
  if (!found) return found.error();
  if (auto made = make_secrets(ask.keys, found->secrets); !made) return made.error();
  return LedgerAnswer{std::move(*found)};
}

// ---- book --------------------------------------------------------------------------------------

Status SqliteLedger::book_cost(const wire::Cost& cost) {
  auto added = statements_->add_event.bind_text(1, cost.event_id)
                   .bind_blob(2, cost.content_hash)
                   .bind(3, kept_from(cost.at).us)
                   .run();
  if (!added) return added;
  if (database_.changes() == 0) return Done{};  // booked before
  const std::string date = day_of(cost.at);
  auto counted = statements_->add_cost.bind_text(1, date)
                     .bind_text(2, cost.provider)
                     .bind_text(3, cost.agent)
                     .bind_text(4, cost.type)
                     .bind(5, cost.amount_nano)
                     .bind(6, to_int(std::min(cost.units, kUnitsMax)))
                     .run();
  if (!counted) return counted;
  const std::string month = month_of(cost.at);
  return statements_->add_month.bind_text(1, month)
      .bind_text(2, cost.provider)
      .bind(3, cost.amount_nano)
      .run();
}

Result<bool> SqliteLedger::book_alert(const wire::Alert& alert) {
  wire::Alert kept = alert;
  kept.cursor = 1;  // its line is a column; 0 would not be valid
  const std::string bytes = wire::encode_item(kept);
  auto added = statements_->add_alert.bind_text(1, alert.alert_id)
                   .bind(2, to_int(alert.cursor))
                   .bind(3, kept_from(alert.at).us)
                   .bind_blob(4, bytes)
                   .run();
  if (!added) return added.error();
  const bool is_new = database_.changes() > 0;
  if (!is_new && alert.cursor != 0) {
    auto lined =
        statements_->line_alert.bind(1, to_int(alert.cursor)).bind_text(2, alert.alert_id).run();
    if (!lined) return lined.error();
  }
  return is_new;
}

Status SqliteLedger::book_limits(const LimitsSeen& limits) {
  auto replaced = statements_->replace_limits.bind(1, limits.at.us)
                      .bind_text(2, limits.upstream)
                      .bind_text(3, limits.version)
                      .run();
  if (!replaced) return replaced;
  return statements_->add_limits.bind_text(1, limits.upstream)
      .bind_text(2, limits.version)
      .bind_text(3, rows_text(limits.limits))
      .bind(4, limits.at.us)
      .bind(5, kept_for(limits.limits).us)
      .run();
}

// A mark says: no line before this one is newer than `at`. One per second of the trail's time.
Status SqliteLedger::book_indexed(const Indexed& indexed) {
  if (newest_ >= marked_ + seconds(1)) {
    auto marked =
        statements_->add_mark.bind(1, newest_.us).bind(2, to_int(indexed.first_line)).run();
    if (!marked) return marked;
    marked_ = newest_;
  }
  newest_ = std::max(newest_, indexed.at);
  return statements_->set_indexed.bind(1, to_int(indexed.line))
      .bind_blob(2, indexed.hash)
      .bind(3, newest_.us)
      .run();
}

// What the trail says, too, need not be durable here: lines after the last one that is indexed are
// read again at start.
Result<LedgerAnswer> SqliteLedger::book(const LedgerBook& ask) {
  using Durable = port::Transaction::Durable;
  const bool in_trail = ask.costs.empty() && ask.alerts.empty();
  auto transaction =
      port::Transaction::begin(database_, in_trail ? Durable::kLater : Durable::kNow);
  if (!transaction) return transaction.error();
  LedgerBooked booked;
  for (const wire::Cost& cost : ask.costs) {
    if (auto done = book_cost(cost); !done) return done.error();
  }
  for (const wire::Alert& alert : ask.alerts) {
    auto is_new = book_alert(alert);
    if (!is_new) return is_new.error();
    booked.alerts_new.push_back(*is_new);
  }
  for (const IndexedRecord& record : ask.records) {
    auto done =
        statements_->add_record.bind_blob(1, record.record).bind(2, to_int(record.line)).run();
    if (!done) return done.error();
  }
  for (const LimitsSeen& limits : ask.limits) {
    if (auto done = book_limits(limits); !done) return done.error();
  }
  if (ask.indexed) {
    if (auto done = book_indexed(*ask.indexed); !done) return done.error();
  }
  if (auto done = transaction->commit(); !done) return done.error();
  return LedgerAnswer{std::move(booked)};
}

// What a crash brings back is swept again.
Result<bool> SqliteLedger::sweep(StoreTime now) {
  auto transaction = port::Transaction::begin(database_, port::Transaction::Durable::kLater);
  if (!transaction) return transaction.error();
  bool more = false;
  const std::pair<Statement*, Duration> sweeps[] = {
      {&statements_->sweep_records, retention_.records},
      {&statements_->sweep_marks, retention_.records},
      {&statements_->sweep_events, retention_.events},
      {&statements_->sweep_alerts, retention_.alerts},
      {&statements_->sweep_limits, Duration{}},
  };
  for (const auto& [statement, keep] : sweeps) {
    auto done = statement->bind(1, (now - keep).us).bind(2, kSweepRows).run();
    if (!done) return done.error();
    more = more || database_.changes() == kSweepRows;
  }
  if (auto done = transaction->commit(); !done) return done.error();
  return more;
}

void SqliteLedger::checkpoint_if_due(bool idle) { database_.checkpoint_if_due(idle); }

}  // namespace sluice::auditor
