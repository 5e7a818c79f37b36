// The embedded store: the script over SQLite (WAL, synchronous = FULL), one limiter per data
// directory, locked (design 4.4). Nothing that was answered is ever lost, so a restart closes
// nothing; a file that was copied back, moved here or deleted closes, and an empty directory is
// fresh. The schema is in sqlite_shard.cc.
//
// Its clock is the machine's steady clock on top of the wall clock at the first open after the
// machine's boot: steps of the wall clock, in this life or between two, move nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "limiter/script.h"

namespace sluice::limiter {

// Both clocks, read together.
struct Reading {
  StoreTime wall;
  Instant steady;
};

struct SqliteStoreOptions {
  std::string directory;
  StoreConfig config;
  std::string machine_boot;        // which boot of the machine; empty: the kernel's boot_id
  std::size_t cached_max = 5'000;  // records, and keys, kept in memory between calls
  std::size_t purge_batch = 256;   // rows looked at by one rest()
};

class SqliteStore {
 public:
  // kUnavailable: locked by another process, or the directory cannot be used. kCorrupt: the file is
  // damaged; the text says which and what to do. kFull: no room.
  static Result<SqliteStore> open(SqliteStoreOptions options, Reading clock);
  SqliteStore(SqliteStore&&) noexcept;
  SqliteStore& operator=(SqliteStore&&) noexcept;
  ~SqliteStore();

  // All of `asks` in one transaction, in order, durable when this returns; one reply for each. When
  // the world fails every reply is StoreFailed, and nothing of it was applied unless the commit
  // itself failed.
  std::vector<StoreReply> perform(const std::vector<StoreAsk>& asks, Reading clock);

  // Other settings while it runs: each shard is told with its next call.
  void set_config(StoreConfig config, std::string by);

  // When there is nothing else to do: purges some old records, checkpoints. False: there is nothing
  // more to do for now.
  bool rest(Reading clock);

  // Closed by what open() found: why, for the log. Empty: nothing was forgotten.
  [[nodiscard]] const std::string& closed_because() const;

 private:
  struct Parts;
  explicit SqliteStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::limiter
