// API keys in a file of their own, <data_dir>/ingest/keys.db: a command line tool writes it, the
// front door looks each second whether it has changed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ingest/api_keys.h"
#include "lib/base/result.h"
#include "lib/port/sqlite.h"

namespace sluice::ingest {

std::string api_keys_file(const std::string& directory);

class SqliteApiKeys {
 public:
  static Result<std::unique_ptr<SqliteApiKeys>> open(const std::string& path);

  // Those that were revoked, too; in the order of their making. From now on changed() is about what
  // comes after these.
  Result<std::vector<ApiKey>> all();
  // kUsage when the name is taken, also by one that was revoked.
  Status add(const ApiKey& key);
  // kUsage when there is none of that name that holds.
  Status revoke(const std::string& name, StoreTime at);
  // Whether another connection has committed since they were read last.
  bool changed();

 private:
  explicit SqliteApiKeys(port::Sqlite database) : database_(std::move(database)) {}
  Result<std::int64_t> version();
  port::Sqlite database_;
  std::int64_t version_read_ = -1;
};

}  // namespace sluice::ingest
