// The tables of the embedded parking store and every statement that it uses, in one place. Only for
// the stores sqlite_*.
#pragma once

#include "ingest/sqlite_parking.h"
#include "lib/base/result.h"
#include "lib/port/sqlite.h"

namespace sluice::ingest {

// The columns of a name, in the order in which read_name() takes them; the next one is 16.
#define NAME_COLUMNS                                                                        \
  "identity, source, id, generation, key, content_hash, upstream, first_seen, expires_at, " \
  "cancelled, state, reason, status, attempts, settled_at, remember_until"
Name read_name(const port::Statement& row);

// Makes what is missing; kCorrupt when the file is of a version that this program does not know.
Status make_tables(port::Sqlite& database);

struct SqliteParking::Statements {
  Status prepare(port::Sqlite& database);

  port::Statement data_version, last_number, rows_after, sums;
  port::Statement key_facts, head_order, one_more, one_fewer, delete_empty_key, set_holds,
      list_keys;
  port::Statement name_by_id, name_by_identity, forget_names;
  port::Statement insert_row, settle_row, row_by_identity, read_head, list_ending, mark_offered,
      reorder, cancel_row, count_before;
  port::Statement write_dead, each_dead, dead_by_id, delete_dead;
  port::Statement import_position, keep_position;
};

}  // namespace sluice::ingest
