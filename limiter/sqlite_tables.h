// The embedded store's tables, and the records of them that are kept in memory. What the script
// edits is written by flush(), inside the caller's transaction; after a transaction that failed,
// forget() makes the file the only truth again.
//
// The first trouble is kept in error(): the script cannot be told, so it goes on with empty
// records, and its caller throws everything away.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/port/sqlite.h"
#include "limiter/sqlite_life.h"
#include "limiter/store_records.h"

namespace sluice::limiter {

// The one row of table meta.
struct Meta {
  LifeFacts facts;          // id, opens and commits; the inode is the file's
  std::uint64_t epoch = 1;  // how often the store may have forgotten, plus 1
  std::string boot;         // of the machine, when clock_base was set
  Duration clock_base;      // store time minus the machine's steady clock
};

class SqliteTables {
 public:
  // Makes the tables if need be.
  static Result<std::unique_ptr<SqliteTables>> open(const std::string& path);
  SqliteTables(const SqliteTables&) = delete;
  SqliteTables& operator=(const SqliteTables&) = delete;
  ~SqliteTables();

  Result<Meta> read_meta();
  Status write_meta(const Meta& meta);
  Status write_commits(std::uint64_t commits);

  // The upstream's shard; lasts until forget().
  StoreShard& shard(const std::string& upstream);

  Status flush();
  void forget();
  // Between transactions: keeps memory bounded.
  void trim(std::size_t cached_max);
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  // Looks at the next `batch` rows and deletes those that are over, in a transaction of its own.
  // False: the pass through both tables is done, the next call begins anew.
  Result<bool> purge(StoreTime now, std::size_t batch);

  port::Sqlite& database() { return database_; }

 private:
  template <class T>
  struct Cached {
    T record;
    std::int64_t row = 0;  // 0: not in the table
    bool present = false;
    bool dirty = false;
  };
  class Shard;
  using Messages = std::unordered_map<std::string, Cached<MessageRecord>>;
  using Keys = std::unordered_map<std::string, Cached<KeyRecord>>;

  explicit SqliteTables(port::Sqlite database);
  Status prepare();
  Cached<MessageRecord>& load_message(const std::string& identity);
  Cached<KeyRecord>& load_key(Keys& keys, const std::string& upstream, const std::string& key);
  void load_state(const std::string& upstream, Cached<ShardRecord>& into);
  Status flush_message(const std::string& identity, Cached<MessageRecord>& cached);
  Status flush_shard(Shard& shard);
  void damaged(const std::string& what);
  Result<std::size_t> purge_messages(StoreTime now, std::size_t batch);
  Result<std::size_t> purge_keys(StoreTime now, std::size_t batch);

  port::Sqlite database_;
  port::Statement find_message_, insert_message_, update_message_, delete_message_;
  port::Statement find_key_, insert_key_, update_key_, delete_key_;
  port::Statement find_state_, write_state_, write_commits_;
  port::Statement next_messages_, next_keys_;

  Messages messages_;
  std::vector<Messages::value_type*> edited_messages_;
  std::unordered_map<std::string, std::unique_ptr<Shard>> shards_;
  std::optional<Error> error_;
  std::int64_t message_cursor_ = 0;
  std::int64_t key_cursor_ = 0;
  bool messages_done_ = false;
};

}  // namespace sluice::limiter
