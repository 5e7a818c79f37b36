#include "ingest/sqlite_statements.h"

#include <array>
#include <string>
#include <utility>

#include "lib/wire/codec.h"

namespace sluice::ingest {

namespace {

constexpr std::int64_t kVersion = 4;

constexpr const char* kTables = R"sql(
CREATE TABLE IF NOT EXISTS messages (
  number INTEGER PRIMARY KEY, identity BLOB NOT NULL UNIQUE, source TEXT NOT NULL,
  id TEXT NOT NULL, generation INTEGER NOT NULL, key TEXT NOT NULL, content_hash BLOB NOT NULL,
  upstream TEXT NOT NULL, first_seen INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  cancelled INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT NOT NULL,
  status INTEGER NOT NULL, attempts INTEGER NOT NULL, settled_at INTEGER NOT NULL,
  remember_until INTEGER NOT NULL, place INTEGER NOT NULL, offered INTEGER NOT NULL,
  message BLOB);
CREATE INDEX IF NOT EXISTS messages_by_id ON messages (source, id, generation);
CREATE INDEX IF NOT EXISTS rows_in_order ON messages (key, place, identity) WHERE state = 1;
CREATE INDEX IF NOT EXISTS rows_by_expiry ON messages (expires_at) WHERE state = 1;
CREATE INDEX IF NOT EXISTS rows_cancelled ON messages (identity) WHERE cancelled = 1 AND state = 1;
CREATE INDEX IF NOT EXISTS names_to_forget ON messages (remember_until) WHERE state > 1;
CREATE TABLE IF NOT EXISTS keys (
  key TEXT PRIMARY KEY, upstream TEXT NOT NULL, count INTEGER NOT NULL, holds BLOB NOT NULL,
  last_in_order INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead (
  number INTEGER PRIMARY KEY AUTOINCREMENT, identity BLOB NOT NULL UNIQUE, source TEXT NOT NULL,
  id TEXT NOT NULL, key TEXT NOT NULL, upstream TEXT NOT NULL, generation INTEGER NOT NULL,
  reason TEXT NOT NULL, status INTEGER NOT NULL, attempts INTEGER NOT NULL, at INTEGER NOT NULL,
  message BLOB, raw BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS dead_by_id ON dead (id);
CREATE TABLE IF NOT EXISTS replies (
  number INTEGER PRIMARY KEY AUTOINCREMENT, identity BLOB NOT NULL, host TEXT NOT NULL,
  url TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL,
  first_seen INTEGER NOT NULL, settled BLOB, settled_at INTEGER NOT NULL, tries INTEGER NOT NULL,
  due_at INTEGER NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS replies_expected ON replies (identity) WHERE settled IS NULL;
CREATE INDEX IF NOT EXISTS replies_due ON replies (host, due_at) WHERE settled IS NOT NULL;
CREATE INDEX IF NOT EXISTS replies_by_age ON replies (settled_at) WHERE settled IS NOT NULL;
CREATE TABLE IF NOT EXISTS imports (
  file BLOB PRIMARY KEY, bytes INTEGER NOT NULL, lines INTEGER NOT NULL, digest BLOB NOT NULL,
  last_seen INTEGER NOT NULL, ended INTEGER NOT NULL) WITHOUT ROWID;
)sql";

constexpr const char* kKeysOfVersion3 =
    "ALTER TABLE keys ADD COLUMN last_in_order INTEGER NOT NULL DEFAULT 0";

#define ROW_COLUMNS "place, offered, cancelled, message"
#define DEAD_COLUMNS \
  "identity, source, id, key, upstream, generation, reason, status, attempts, at, message, raw"

// What stands in one place is damaged. It fails who asks for it, nobody else (apply).
Error damaged(const std::string& what) {
  return {Trouble::kInvalid, "parking: a stored message cannot be read: " + what};
}

}  // namespace

Result<wire::Offer> read_row(const port::Statement& row) {
  auto item = wire::decode_item(row.bytes(3));
  if (!item) return damaged(item.error().what);
  auto* offer = std::get_if<wire::Offer>(&*item);
  if (offer == nullptr) return damaged("it is another kind of item");
  offer->order = row.integer(0);
  offer->offered_before = row.integer(1) != 0;
  offer->cancelled = row.integer(2) != 0;
  offer->origin = wire::Origin::kRow;
  return std::move(*offer);
}

Name read_name(const port::Statement& row) {
  const auto text = [&row](int column) { return std::string(row.bytes(column)); };
  Name name;
  name.identity = text(0);
  name.source = text(1);
  name.id = text(2);
  name.generation = static_cast<std::uint32_t>(row.integer(3));
  name.key = text(4);
  name.content_hash = text(5);
  name.upstream = text(6);
  name.first_seen = {row.integer(7)};
  name.expires_at = {row.integer(8)};
  name.cancelled = row.integer(9) != 0;
  name.state = static_cast<NameState>(row.integer(10));
  name.reason = text(11);
  name.status = static_cast<std::uint32_t>(row.integer(12));
  name.attempts = static_cast<std::uint32_t>(row.integer(13));
  name.settled_at = {row.integer(14)};
  return name;
}

Status make_tables(port::Sqlite& database) {
  auto asked = database.prepare("PRAGMA user_version");
  if (!asked) return asked.error();
  auto stepped = asked->step();
  if (!stepped) return stepped.error();
  const std::int64_t version = asked->integer(0);
  asked->reset();
  if (version == kVersion) return Done{};
  // Version 2 had no replies and no imports; version 3 has nothing that goes in order.
  if (version != 0 && version != 2 && version != 3) {
    return Error{Trouble::kCorrupt, "the parking file has version " + std::to_string(version) +
                                        ", this program knows " + std::to_string(kVersion) +
                                        ": run the one that wrote it, or move the file away"};
  }
  auto transaction = port::Transaction::begin(database);
  if (!transaction) return transaction.error();
  if (version != 0) {
    if (auto added = database.execute(kKeysOfVersion3); !added) return added;
  }
  if (auto made = database.execute(kTables); !made) return made;
  if (auto set = database.execute("PRAGMA user_version = 4"); !set) return set;
  return transaction->commit();
}

const SqliteParking::Statements::Question SqliteParking::Statements::kQuestions[] = {
    {&Statements::data_version, "PRAGMA data_version"},
    {&Statements::last_number, "SELECT coalesce(max(number), 0) FROM messages"},
    {&Statements::rows_after,
     "SELECT number, key FROM messages WHERE number > ? ORDER BY number LIMIT ?"},
    {&Statements::sums,
     "SELECT (SELECT coalesce(sum(count), 0) FROM keys), (SELECT count(*) FROM keys), "
     "(SELECT count(*) FROM dead)"},
    {&Statements::key_facts, "SELECT upstream, count, holds FROM keys WHERE key = ?1"},
    {&Statements::head_order,
     "SELECT place FROM messages WHERE state = 1 AND key = ?1 "
     "ORDER BY place, identity LIMIT 1"},
    {&Statements::one_more,
     "INSERT INTO keys (key, upstream, count, holds, last_in_order) VALUES (?1, ?2, 1, x'', ?3) "
     "ON CONFLICT (key) DO UPDATE SET count = count + 1, upstream = excluded.upstream, "
     "last_in_order = max(last_in_order, excluded.last_in_order)"},
    {&Statements::last_in_order, "SELECT last_in_order FROM keys WHERE key = ?1"},
    {&Statements::one_fewer, "UPDATE keys SET count = count - 1 WHERE key = ?1"},
    {&Statements::delete_empty_key,
     "DELETE FROM keys WHERE key = ?1 AND count = 0 AND holds = x''"},
    {&Statements::set_holds,
     "INSERT INTO keys (key, upstream, count, holds) VALUES (?1, ?2, 0, ?3) "
     "ON CONFLICT (key) DO UPDATE SET holds = excluded.holds"},
    {&Statements::list_keys,
     "SELECT key, upstream, count, holds, coalesce((SELECT place FROM messages "
     "WHERE state = 1 AND messages.key = keys.key ORDER BY place, identity LIMIT 1), 0) "
     "FROM keys WHERE key > ?1 ORDER BY key LIMIT ?2"},
    {&Statements::name_by_id, "SELECT " NAME_COLUMNS " FROM messages WHERE source = ?1 AND id = ?2 "
                              "ORDER BY generation DESC LIMIT 1"},
    {&Statements::name_by_identity, "SELECT " NAME_COLUMNS " FROM messages WHERE identity = ?1"},
    // A name whose time was over, and that nobody has forgotten yet, goes with its number.
    {&Statements::insert_row,
     "INSERT OR REPLACE INTO messages (" NAME_COLUMNS
     ", place, offered, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
     "1, '', 0, 0, 0, 0, ?11, ?12, ?13)"},
    {&Statements::insert_name,
     "INSERT OR REPLACE INTO messages (" NAME_COLUMNS
     ", place, offered, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
     "6, '', 0, 0, 0, ?11, ?12, 0, NULL)"},
    {&Statements::settle_row,
     "UPDATE messages SET state = ?1, reason = ?2, status = ?3, attempts = ?4, settled_at = ?5, "
     "remember_until = ?6, message = NULL WHERE identity = ?7 AND state IN (1, 6)"},
    {&Statements::forget_names,
     "DELETE FROM messages WHERE number IN (SELECT number FROM messages "
     "WHERE state > 1 AND remember_until < ?1 LIMIT ?2)"},
    {&Statements::row_by_identity,
     "SELECT " ROW_COLUMNS " FROM messages WHERE identity = ?1 AND state = 1"},
    {&Statements::read_head,
     "SELECT " ROW_COLUMNS " FROM messages WHERE state = 1 AND key = ?1 AND "
     "(place, identity) > (?3, ?4) ORDER BY place, identity LIMIT ?2"},
    {&Statements::list_cancelled,
     "SELECT " ROW_COLUMNS ", identity FROM messages INDEXED BY rows_cancelled "
     "WHERE cancelled = 1 AND state = 1 AND identity > ?1 ORDER BY identity LIMIT ?2"},
    {&Statements::list_expired,
     "SELECT " ROW_COLUMNS ", expires_at, number FROM messages INDEXED BY rows_by_expiry "
     "WHERE state = 1 AND expires_at <= ?1 AND (expires_at, number) > (?2, ?3) "
     "ORDER BY expires_at, number LIMIT ?4"},
    {&Statements::mark_offered, "UPDATE messages SET offered = 1 WHERE identity = ?1"},
    {&Statements::reorder, "UPDATE messages SET place = ?1 WHERE identity = ?2"},
    {&Statements::cancel_row, "UPDATE messages SET cancelled = 1 WHERE identity = ?1"},
    {&Statements::count_before,
     "SELECT (SELECT count(*) FROM (SELECT 1 FROM messages AS other WHERE other.state = 1 "
     "AND other.key = mine.key AND (other.place, other.identity) < (mine.place, mine.identity) "
     "LIMIT ?2)) FROM messages AS mine WHERE mine.identity = ?1 AND mine.state = 1"},
    {&Statements::count_behind,
     "SELECT count(*) FROM (SELECT 1 FROM messages WHERE state = 1 AND key = ?1 AND place > ?2 "
     "LIMIT ?3)"},
    {&Statements::write_dead, "INSERT OR REPLACE INTO dead (" DEAD_COLUMNS
                              ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"},
    {&Statements::each_dead, "SELECT " DEAD_COLUMNS " FROM dead ORDER BY number"},
    {&Statements::dead_by_id,
     "SELECT " DEAD_COLUMNS " FROM dead WHERE id = ?1 OR (length(?2) >= 8 AND "
     "lower(hex(identity)) LIKE ?2 || '%') ORDER BY number"},
    {&Statements::delete_dead, "DELETE FROM dead WHERE identity = ?1"},
    {&Statements::import_position,
     "SELECT bytes, lines, digest, last_seen, ended FROM imports WHERE file = ?1"},
    {&Statements::keep_position,
     "INSERT OR REPLACE INTO imports (file, bytes, lines, digest, last_seen, ended) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
};

Status SqliteParking::Statements::prepare(port::Sqlite& database) {
  for (const auto& [statement, sql] : kQuestions) {
    auto prepared = database.prepare(sql);
    if (!prepared) return prepared.error();
    this->*statement = std::move(*prepared);
  }
  return Done{};
}

Result<std::string> SqliteParking::plans() {
  std::string text;
  for (const auto& [statement, sql] : Statements::kQuestions) {
    auto plan = plan_of(database_, sql);
    if (!plan) return plan.error();
    text += *plan;
  }
  return text;
}

Result<std::string> plan_of(port::Sqlite& database, const char* question) {
  auto plan = database.prepare("EXPLAIN QUERY PLAN " + std::string(question));
  if (!plan) return plan.error();
  std::string text;
  for (;;) {
    auto stepped = plan->step();
    if (!stepped) return stepped.error();
    if (*stepped == port::Statement::Step::kDone) break;
    text += std::string(plan->bytes(3)) + "\n";
  }
  plan->reset();
  return text;
}

#undef ROW_COLUMNS
#undef DEAD_COLUMNS

}  // namespace sluice::ingest
