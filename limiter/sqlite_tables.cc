#include "limiter/sqlite_tables.h"

#include <utility>

#include "lib/base/check.h"
#include "limiter/sqlite_codec.h"

namespace sluice::limiter {

namespace {

constexpr std::int64_t kSchema = 3;

// Rows of both tables are in order of their making: what is written together lies together, and
// the purge walks by number instead of by an index that every write would have to keep.
constexpr const char* kCreate =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS meta ("
    "  one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, opens INTEGER NOT NULL,"
    "  commits INTEGER NOT NULL, epoch INTEGER NOT NULL, boot TEXT NOT NULL,"
    "  clock_base INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS shard ("
    "  upstream TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS message ("
    "  number INTEGER PRIMARY KEY, identity BLOB NOT NULL UNIQUE, purge_at INTEGER NOT NULL,"
    "  body BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS key ("
    "  number INTEGER PRIMARY KEY, upstream TEXT NOT NULL, key TEXT NOT NULL,"
    "  idle_at INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (upstream, key));"
    "PRAGMA user_version = 3;"
    "COMMIT;";

Status check_schema(port::Sqlite& database, const std::string& path) {
  auto asked = database.prepare("PRAGMA user_version");
  if (!asked) return asked.error();
  if (auto stepped = asked->step(); !stepped) return stepped.error();
  const std::int64_t version = asked->integer(0);
  asked->reset();
  if (version > kSchema) {
    return Error{Trouble::kCorrupt, path + " was written by a newer sluice-limiter (schema " +
                                        std::to_string(version) + "): use that one"};
  }
  if (version > 0 && version < kSchema) {
    return Error{Trouble::kCorrupt, path + " was written by an older sluice-limiter (schema " +
                                        std::to_string(version) +
                                        "): let that one finish its messages, then move it away "
                                        "together with store.life"};
  }
  return version == kSchema ? Status(Done{}) : database.execute(kCreate);
}

Status check_whole(port::Sqlite& database, const std::string& path) {
  const auto damage = database.damage();
  if (!damage) return damage.error();
  if (damage->empty()) return Done{};
  return Error{Trouble::kCorrupt,
               path + " is damaged (" + *damage +
                   "): put a backup in its place, or move it away "
                   "together with store.life; either way the limiter closes for a while first"};
}

}  // namespace

// One upstream's records.
class SqliteTables::Shard final : public StoreShard {
 public:
  Shard(SqliteTables& tables, std::string upstream)
      : tables_(&tables), upstream_(std::move(upstream)) {
    tables.load_state(upstream_, state_);
  }

  const ShardRecord& state() override { return state_.record; }
  ShardRecord& edit_state() override {
    state_.dirty = true;
    return state_.record;
  }
  const MessageRecord* message(const std::string& identity) override {
    auto& cached = tables_->load_message(identity);
    return cached.present ? &cached.record : nullptr;
  }
  MessageRecord& edit_message(const std::string& identity) override {
    auto& cached = tables_->load_message(identity);
    if (!cached.dirty) tables_->edited_messages_.push_back(&*tables_->messages_.find(identity));
    cached.dirty = cached.present = true;
    return cached.record;
  }
  const KeyRecord* key(const std::string& key) override {
    auto& cached = tables_->load_key(keys_, upstream_, key);
    return cached.present ? &cached.record : nullptr;
  }
  KeyRecord& edit_key(const std::string& key) override {
    auto& cached = tables_->load_key(keys_, upstream_, key);
    if (!cached.dirty) edited_keys_.push_back(&*keys_.find(key));
    cached.dirty = cached.present = true;
    return cached.record;
  }

  SqliteTables* tables_;
  std::string upstream_;
  Cached<ShardRecord> state_;
  Keys keys_;
  std::vector<Keys::value_type*> edited_keys_;
};

SqliteTables::SqliteTables(port::Sqlite database) : database_(std::move(database)) {}
SqliteTables::~SqliteTables() = default;

Result<std::unique_ptr<SqliteTables>> SqliteTables::open(const std::string& path) {
  auto database = port::Sqlite::open(path);
  if (!database) return database.error();
  if (auto checked = check_schema(*database, path); !checked) return checked.error();
  if (auto checked = check_whole(*database, path); !checked) return checked.error();
  std::unique_ptr<SqliteTables> tables(new SqliteTables(std::move(*database)));
  if (auto prepared = tables->prepare(); !prepared) return prepared.error();
  return tables;
}

Status SqliteTables::prepare() {
  const std::pair<port::Statement*, const char*> all[] = {
      {&find_message_, "SELECT number, body FROM message WHERE identity = ?"},
      {&insert_message_, "INSERT INTO message (identity, purge_at, body) VALUES (?, ?, ?)"},
      {&update_message_, "UPDATE message SET purge_at = ?, body = ? WHERE number = ?"},
      {&delete_message_, "DELETE FROM message WHERE number = ?"},
      {&next_messages_,
       "SELECT number, purge_at, identity FROM message WHERE number > ? ORDER BY number LIMIT ?"},
      {&find_key_, "SELECT number, body FROM key WHERE upstream = ? AND key = ?"},
      {&insert_key_, "INSERT INTO key (upstream, key, idle_at, body) VALUES (?, ?, ?, ?)"},
      {&update_key_, "UPDATE key SET idle_at = ?, body = ? WHERE number = ?"},
      {&delete_key_, "DELETE FROM key WHERE number = ?"},
      {&next_keys_,
       "SELECT number, idle_at, upstream, key FROM key WHERE number > ? ORDER BY number LIMIT ?"},
      {&find_state_, "SELECT body FROM shard WHERE upstream = ?"},
      {&write_state_, "INSERT OR REPLACE INTO shard (upstream, body) VALUES (?, ?)"},
      {&write_commits_, "UPDATE meta SET commits = ?"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = std::move(*prepared);
  }
  return Done{};
}

// ---- meta ----

Result<Meta> SqliteTables::read_meta() {
  auto asked = database_.prepare("SELECT id, opens, commits, epoch, boot, clock_base FROM meta");
  if (!asked) return asked.error();
  auto stepped = asked->step();
  if (!stepped) return stepped.error();
  Meta meta;
  if (*stepped == port::Statement::Step::kDone) return meta;
  meta.facts.id = asked->bytes(0);
  meta.facts.opens = static_cast<std::uint64_t>(asked->integer(1));
  meta.facts.commits = static_cast<std::uint64_t>(asked->integer(2));
  meta.epoch = static_cast<std::uint64_t>(asked->integer(3));
  meta.boot = asked->bytes(4);
  meta.clock_base = {asked->integer(5)};
  return meta;
}

Status SqliteTables::write_meta(const Meta& meta) {
  auto written = database_.prepare(
      "INSERT OR REPLACE INTO meta (one, id, opens, commits, epoch, boot, clock_base)"
      " VALUES (1, ?, ?, ?, ?, ?, ?)");
  if (!written) return written.error();
  written->bind_text(1, meta.facts.id)
      .bind(2, static_cast<std::int64_t>(meta.facts.opens))
      .bind(3, static_cast<std::int64_t>(meta.facts.commits))
      .bind(4, static_cast<std::int64_t>(meta.epoch))
      .bind_text(5, meta.boot)
      .bind(6, meta.clock_base.us);
  return written->run();
}

Status SqliteTables::write_commits(std::uint64_t commits) {
  return write_commits_.bind(1, static_cast<std::int64_t>(commits)).run();
}

// ---- reading ----

void SqliteTables::damaged(const std::string& what) {
  if (!error_) error_ = Error{Trouble::kCorrupt, "store.db is damaged: " + what};
}

auto SqliteTables::load_message(const std::string& identity) -> Cached<MessageRecord>& {
  const auto [at, is_new] = messages_.try_emplace(identity);
  auto& cached = at->second;
  if (!is_new) return cached;
  auto stepped = find_message_.bind_blob(1, identity).step();
  if (!stepped) {
    if (!error_) error_ = stepped.error();
    return cached;
  }
  if (*stepped == port::Statement::Step::kRow) {
    cached.row = find_message_.integer(0);
    cached.present = decode(find_message_.bytes(1), cached.record);
    if (!cached.present) damaged("message " + std::to_string(cached.row));
  }
  find_message_.reset();
  return cached;
}

auto SqliteTables::load_key(Keys& keys, const std::string& upstream, const std::string& key)
    -> Cached<KeyRecord>& {
  const auto [at, is_new] = keys.try_emplace(key);
  auto& cached = at->second;
  if (!is_new) return cached;
  auto stepped = find_key_.bind_text(1, upstream).bind_text(2, key).step();
  if (!stepped) {
    if (!error_) error_ = stepped.error();
    return cached;
  }
  if (*stepped == port::Statement::Step::kRow) {
    cached.row = find_key_.integer(0);
    cached.present = decode(find_key_.bytes(1), cached.record);
    if (!cached.present) damaged("key " + std::to_string(cached.row));
  }
  find_key_.reset();
  return cached;
}

void SqliteTables::load_state(const std::string& upstream, Cached<ShardRecord>& into) {
  auto stepped = find_state_.bind_text(1, upstream).step();
  if (!stepped) {
    if (!error_) error_ = stepped.error();
    return;
  }
  if (*stepped == port::Statement::Step::kRow) {
    into.present = decode(find_state_.bytes(0), into.record);
    if (!into.present) damaged("shard " + upstream);
  }
  find_state_.reset();
}

StoreShard& SqliteTables::shard(const std::string& upstream) {
  auto& shard = shards_[upstream];
  if (!shard) shard = std::make_unique<Shard>(*this, upstream);
  return *shard;
}

// ---- writing ----

Status SqliteTables::flush_message(const std::string& identity, Cached<MessageRecord>& cached) {
  const std::string body = encode(cached.record);
  if (cached.row != 0) {
    return update_message_.bind(1, cached.record.purge_at.us)
        .bind_blob(2, body)
        .bind(3, cached.row)
        .run();
  }
  auto inserted = insert_message_.bind_blob(1, identity)
                      .bind(2, cached.record.purge_at.us)
                      .bind_blob(3, body)
                      .run();
  cached.row = database_.last_rowid();
  return inserted;
}

Status SqliteTables::flush_shard(Shard& shard) {
  for (auto* entry : shard.edited_keys_) {
    auto& [key, cached] = *entry;
    const std::string body = encode(cached.record);
    auto written = cached.row != 0 ? update_key_.bind(1, cached.record.idle_at.us)
                                         .bind_blob(2, body)
                                         .bind(3, cached.row)
                                         .run()
                                   : insert_key_.bind_text(1, shard.upstream_)
                                         .bind_text(2, key)
                                         .bind(3, cached.record.idle_at.us)
                                         .bind_blob(4, body)
                                         .run();
    if (!written) return written;
    if (cached.row == 0) cached.row = database_.last_rowid();
    cached.dirty = false;
  }
  shard.edited_keys_.clear();
  if (!shard.state_.dirty) return Done{};
  const std::string body = encode(shard.state_.record);
  shard.state_.dirty = false;
  return write_state_.bind_text(1, shard.upstream_).bind_blob(2, body).run();
}

Status SqliteTables::flush() {
  for (auto* entry : edited_messages_) {
    if (auto written = flush_message(entry->first, entry->second); !written) return written;
    entry->second.dirty = false;
  }
  edited_messages_.clear();
  for (auto& [upstream, shard] : shards_) {
    if (auto written = flush_shard(*shard); !written) return written;
  }
  return Done{};
}

void SqliteTables::forget() {
  edited_messages_.clear();
  messages_.clear();
  shards_.clear();
  error_.reset();
}

void SqliteTables::trim(std::size_t cached_max) {
  CHECK(edited_messages_.empty());
  if (messages_.size() > cached_max) messages_.clear();
  for (auto& [upstream, shard] : shards_) {
    if (shard->keys_.size() > cached_max) shard->keys_.clear();
  }
}

// ---- purging ----

Result<std::size_t> SqliteTables::purge_messages(StoreTime now, std::size_t batch) {
  std::vector<std::pair<std::int64_t, std::string>> over;
  std::size_t seen = 0;
  next_messages_.bind(1, message_cursor_).bind(2, static_cast<std::int64_t>(batch));
  for (;;) {
    auto stepped = next_messages_.step();
    if (!stepped) return stepped.error();
    if (*stepped == port::Statement::Step::kDone) break;
    ++seen;
    message_cursor_ = next_messages_.integer(0);
    if (next_messages_.integer(1) > now.us) continue;
    over.emplace_back(message_cursor_, std::string(next_messages_.bytes(2)));
  }
  next_messages_.reset();
  for (const auto& [number, identity] : over) {
    if (auto gone = delete_message_.bind(1, number).run(); !gone) return gone.error();
    messages_.erase(identity);
  }
  return seen;
}

Result<std::size_t> SqliteTables::purge_keys(StoreTime now, std::size_t batch) {
  struct Over {
    std::int64_t number;
    std::string upstream, key;
  };
  std::vector<Over> over;
  std::size_t seen = 0;
  next_keys_.bind(1, key_cursor_).bind(2, static_cast<std::int64_t>(batch));
  for (;;) {
    auto stepped = next_keys_.step();
    if (!stepped) return stepped.error();
    if (*stepped == port::Statement::Step::kDone) break;
    ++seen;
    key_cursor_ = next_keys_.integer(0);
    if (next_keys_.integer(1) > now.us) continue;
    std::string upstream(next_keys_.bytes(2));
    if (shard(upstream).state().keys_until > now) continue;
    over.push_back({key_cursor_, std::move(upstream), std::string(next_keys_.bytes(3))});
  }
  next_keys_.reset();
  for (const Over& one : over) {
    if (auto gone = delete_key_.bind(1, one.number).run(); !gone) return gone.error();
    const auto shard = shards_.find(one.upstream);
    if (shard != shards_.end()) shard->second->keys_.erase(one.key);
  }
  return seen;
}

Result<bool> SqliteTables::purge(StoreTime now, std::size_t batch) {
  auto transaction = port::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  auto seen = messages_done_ ? purge_keys(now, batch) : purge_messages(now, batch);
  if (!seen) return seen.error();
  if (auto committed = transaction->commit(); !committed) return committed.error();
  if (*seen == batch) return true;
  (messages_done_ ? key_cursor_ : message_cursor_) = 0;
  messages_done_ = !messages_done_;
  return messages_done_;
}

}  // namespace sluice::limiter
