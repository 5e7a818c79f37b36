// Lists of messages out of the embedded parking store, by a connection of their own that only
// reads: it sees what has been committed, and no writer waits for it.
#pragma once

#include <memory>
#include <string>

#include "ingest/lists.h"
#include "lib/base/result.h"
#include "lib/port/sqlite.h"

namespace sluice::ingest {

class SqliteLists {
 public:
  // Rows of one table that a page looks at, whether they are listed or not.
  static constexpr std::uint32_t kLookedMax = 2'000;

  // `path`: the file of a SqliteParking, which is there.
  static Result<std::unique_ptr<SqliteLists>> open(const std::string& path);
  ~SqliteLists();
  SqliteLists(const SqliteLists&) = delete;
  SqliteLists& operator=(const SqliteLists&) = delete;

  Result<ListPage> list(const ListAsk& ask);
  // How SQLite goes about its questions, a line for each step: what a test looks at.
  Result<std::string> plans();

 private:
  struct Statements;
  explicit SqliteLists(port::Sqlite database);
  struct Paging;
  Result<ListPage> read(const ListAsk& ask, ListCursor from);
  Status waiting(Paging& paging);
  Status settled(Paging& paging);
  Status dead(Paging& paging);
  using Ahead = std::optional<std::uint64_t>;
  template <class Arrive>
  Status walk(port::Statement& question, Paging& paging, Arrive arrive);
  Result<Ahead> ahead_of(const ListCursor& place);

  port::Sqlite database_;
  std::unique_ptr<Statements> sql_;  // before the database goes
};

}  // namespace sluice::ingest
