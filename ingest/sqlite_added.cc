// What others have added to the embedded parking store: an import next to a running ingest, a
// replay. Rows are numbered in the order of their commits, as SQLite has one writer at a time.
#include <set>
#include <utility>

#include "ingest/sqlite_parking.h"
#include "ingest/sqlite_statements.h"

namespace sluice::ingest {

using Step = port::Statement::Step;

namespace {

constexpr std::int64_t kRowsAtOnce = 1'024;  // a look is a part of a turn

}  // namespace

bool SqliteParking::changed_by_others() {
  const auto stepped = sql_->data_version.step();
  if (!stepped || *stepped != Step::kRow) return false;
  const std::int64_t version = sql_->data_version.integer(0);
  sql_->data_version.reset();
  return std::exchange(version_seen_, version) != version;
}

Result<std::int64_t> SqliteParking::last_number() {
  auto stepped = sql_->last_number.step();
  if (!stepped) return stepped.error();
  const std::int64_t last = sql_->last_number.integer(0);
  sql_->last_number.reset();
  return last;
}

Result<AddedRows> SqliteParking::added_by_others() {
  AddedRows added;
  looking_ = changed_by_others() || looking_;
  if (!looking_) return added;
  auto& question = sql_->rows_after;
  question.bind(1, number_seen_).bind(2, kRowsAtOnce);
  std::set<std::string> keys;
  std::int64_t last = number_seen_;
  std::int64_t rows = 0;
  for (;; ++rows) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kDone) break;
    last = question.integer(0);
    keys.emplace(question.bytes(1));
  }
  question.reset();
  for (const std::string& key : keys) {
    auto found = facts(key);
    if (!found) return found.error();
    added.keys.push_back(std::move(*found));
  }
  number_seen_ = last;
  looking_ = added.more = rows == kRowsAtOnce;
  return added;
}

}  // namespace sluice::ingest
