// The tables of the embedded parking store and every statement that it uses, in one place. Only for
// the stores sqlite_*.
#pragma once

#include <string>
#include <utility>

#include "ingest/sqlite_parking.h"
#include "lib/base/result.h"
#include "lib/port/sqlite.h"

namespace sluice::ingest {

// The columns of a name, in the order in which read_name() takes them; the next one is 16.
#define NAME_COLUMNS                                                                        \
  "identity, source, id, generation, key, content_hash, upstream, first_seen, expires_at, " \
  "cancelled, state, reason, status, attempts, settled_at, remember_until"
Name read_name(const port::Statement& row);
// Columns place, offered, cancelled, message: the columns are the truth of what changes. kInvalid
// when the message cannot be read.
Result<wire::Offer> read_row(const port::Statement& row);

// How SQLite goes about a question, a line for each step.
Result<std::string> plan_of(port::Sqlite& database, const char* question);

// Makes what is missing; kCorrupt when the file is of a version that this program does not know.
Status make_tables(port::Sqlite& database);

struct SqliteParking::Statements {
  using Question = std::pair<port::Statement Statements::*, const char*>;
  static const Question kQuestions[];
  Status prepare(port::Sqlite& database);

  port::Statement data_version, last_number, rows_after, sums;
  port::Statement key_facts, head_order, one_more, one_fewer, delete_empty_key, set_holds,
      list_keys, last_in_order;
  port::Statement name_by_id, name_by_identity, forget_names;
  port::Statement insert_row, insert_name, settle_row, row_by_identity, read_head, list_cancelled,
      list_expired, mark_offered, reorder, cancel_row, count_before, count_behind;
  port::Statement write_dead, each_dead, dead_by_id, delete_dead;
  port::Statement import_position, keep_position;
};

}  // namespace sluice::ingest
