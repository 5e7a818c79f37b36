#include "limiter/sqlite_store.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "lib/digest/digest.h"
#include "lib/port/lockfile.h"
#include "lib/port/random.h"
#include "limiter/sqlite_life.h"
#include "limiter/sqlite_tables.h"

namespace sluice::limiter {

namespace {

// The write-ahead log is moved into the database when idle, if so many batches or so much time have
// passed; when never idle, after so many batches.
constexpr std::uint64_t kMoveWorth = 256;
constexpr std::uint64_t kMoveMax = 8'192;
constexpr Duration kMoveEvery = seconds(5);
constexpr Duration kPurgeEvery = seconds(60);

}  // namespace

struct SqliteStore::Parts {
  SqliteStoreOptions options;
  port::UniqueFd lock;
  std::unique_ptr<SqliteTables> tables;
  std::unique_ptr<LifeFile> life_file;
  Meta meta;
  std::string life;
  std::string closed_because;
  Instant purge_at;
  std::uint64_t unmoved = 0;  // batches in the write-ahead log
  Instant moved_at;
  std::string by = "settings";  // who said options.config
  std::map<std::string, Telling> tellings;

  [[nodiscard]] StoreTime time(Reading clock) const {
    return StoreTime{clock.steady.us} + meta.clock_base;
  }
  Status begin_life(bool file_is_new, Reading clock);
  Status run(const std::vector<StoreAsk>& asks, StoreTime now, std::vector<StoreReply>& replies);
  StoreReply one(const StoreAsk& ask, StoreTime now);
  void move_log(Reading clock) {
    tables->database().checkpoint();
    unmoved = 0;
    moved_at = clock.steady;
  }
  Status write_meta();
};

Status SqliteStore::Parts::write_meta() {
  auto transaction = port::Transaction::begin(tables->database());
  if (!transaction) return transaction.error();
  if (auto done = tables->write_meta(meta); !done) return done;
  return transaction->commit();
}

// The second file is fsynced before the database says that it was opened once more; whatever dies
// in between is told from a database that was put back (sqlite_life.h).
Status SqliteStore::Parts::begin_life(bool file_is_new, Reading clock) {
  closed_because = forgotten(meta.facts, life_file->found(), file_is_new);
  if (meta.facts.id.empty()) meta.facts.id = to_hex(port::random_bytes(16));
  if (!closed_because.empty()) {
    ++meta.epoch;
    if (auto done = write_meta(); !done) return done;  // before the second file looks right again
  }
  if (meta.boot.empty() || meta.boot != options.machine_boot) {
    meta.boot = options.machine_boot;
    meta.clock_base = {clock.wall.us - clock.steady.us};
  }
  // A second file that is ahead must not make this life look like one that was put back.
  meta.facts.opens = std::max(meta.facts.opens, life_file->found().opens) + 1;
  meta.facts.commits = std::max(meta.facts.commits, life_file->found().commits) + 1;
  LifeFacts intent = meta.facts;
  --intent.commits;
  if (auto done = life_file->write(intent, true); !done) return done;
  if (auto done = write_meta(); !done) return done;
  life = meta.facts.id + "/" + std::to_string(meta.epoch);
  return life_file->write(meta.facts, true);
}

Result<SqliteStore> SqliteStore::open(SqliteStoreOptions options, Reading clock) {
  auto parts = std::make_unique<Parts>();
  if (options.machine_boot.empty()) options.machine_boot = machine_boot();
  parts->options = std::move(options);
  const std::string& directory = parts->options.directory;
  auto lock = port::lock_file(directory + "/store.lock");
  if (!lock) return lock.error();
  parts->lock = std::move(*lock);
  const std::string path = directory + "/store.db";
  const bool file_is_new = inode_of(path) == 0;
  auto tables = SqliteTables::open(path);
  if (!tables) return tables.error();
  parts->tables = std::move(*tables);
  auto meta = parts->tables->read_meta();
  if (!meta) return meta.error();
  parts->meta = std::move(*meta);
  parts->meta.facts.inode = inode_of(path);
  auto life_file = LifeFile::open(directory + "/store.life");
  if (!life_file) return life_file.error();
  parts->life_file = std::make_unique<LifeFile>(std::move(*life_file));
  if (auto begun = parts->begin_life(file_is_new, clock); !begun) return begun.error();
  return SqliteStore(std::move(parts));
}

SqliteStore::SqliteStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SqliteStore::SqliteStore(SqliteStore&&) noexcept = default;
SqliteStore& SqliteStore::operator=(SqliteStore&&) noexcept = default;
SqliteStore::~SqliteStore() = default;

const std::string& SqliteStore::closed_because() const { return parts_->closed_because; }

StoreReply SqliteStore::Parts::one(const StoreAsk& ask, StoreTime now) {
  StoreReply reply;
  reply.call_id = ask.call_id;
  const std::string& name = upstream_of(ask.call);
  if (find_upstream(options.config, name) == nullptr) {
    reply.answer = StoreFailed{"no such upstream in the settings: " + name};
    return reply;
  }
  Scripted scripted = perform_told({options.config, by, tellings[name]}, tables->shard(name),
                                   {now, life, meta.epoch == 1}, ask.call);
  reply.answer = std::move(scripted.answer);
  reply.now = scripted.now;
  reply.limits_version = scripted.limits_version;
  return reply;
}

Status SqliteStore::Parts::run(const std::vector<StoreAsk>& asks, StoreTime now,
                               std::vector<StoreReply>& replies) {
  auto transaction = port::Transaction::begin(tables->database());
  if (!transaction) return transaction.error();
  for (const StoreAsk& ask : asks) replies.push_back(one(ask, now));
  if (tables->error()) return *tables->error();
  if (auto flushed = tables->flush(); !flushed) return flushed;
  if (auto counted = tables->write_commits(meta.facts.commits + 1); !counted) return counted;
  if (auto committed = transaction->commit(); !committed) return committed;
  ++meta.facts.commits;
  return life_file->write(meta.facts, false);
}

std::vector<StoreReply> SqliteStore::perform(const std::vector<StoreAsk>& asks, Reading clock) {
  std::vector<StoreReply> replies;
  if (asks.empty()) return replies;
  replies.reserve(asks.size());
  const auto done = parts_->run(asks, parts_->time(clock), replies);
  if (done) {
    parts_->tables->trim(parts_->options.cached_max);
    if (++parts_->unmoved >= kMoveMax) parts_->move_log(clock);
    return replies;
  }
  parts_->tables->forget();
  parts_->tellings.clear();
  replies.clear();
  for (const StoreAsk& ask : asks) {
    StoreReply reply;
    reply.call_id = ask.call_id;
    reply.answer = StoreFailed{done.error().what, done.error().code == Trouble::kFull};
    replies.push_back(std::move(reply));
  }
  return replies;
}

void SqliteStore::set_config(StoreConfig config, std::string by) {
  parts_->options.config = std::move(config);
  parts_->by = std::move(by);
  parts_->tellings.clear();
}

bool SqliteStore::rest(Reading clock) {
  const bool long_ago = clock.steady - parts_->moved_at >= kMoveEvery;
  if (parts_->unmoved >= kMoveWorth || (parts_->unmoved > 0 && long_ago)) {
    parts_->move_log(clock);
    return true;
  }
  if (clock.steady < parts_->purge_at) return false;
  const auto more = parts_->tables->purge(parts_->time(clock), parts_->options.purge_batch);
  if (more && *more) return true;
  parts_->purge_at = clock.steady + kPurgeEvery;
  return false;
}

}  // namespace sluice::limiter
