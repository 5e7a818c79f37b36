// The embedded parking store: rows, names, keys and dead letters in one SQLite file (WAL,
// synchronous = FULL). What apply() has answered is on the disk.
//
//   messages  unique by identity. While it waits (state 1) it is a row, in order by (key, place,
//             identity); when it has ended, its name: how it ended, until when that is remembered.
//             One line for both, as each index is another page of every commit
//   keys      how many rows a key has, its holds, and the place of the last row that goes in order
//   dead      dead letters: whole messages, and lines that were none
//   replies   of each message with a reply_to: whom to tell; from its settlement on, what to say
//   imports   how far each file was imported
//
// One process at a time is the ingest of a data directory (locked by lib/stage); a command line
// tool may write next to it (import, replay): added_by_others() tells.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/dead_letters.h"
#include "ingest/parking.h"
#include "ingest/sqlite_replies.h"
#include "lib/base/result.h"
#include "lib/port/sqlite.h"

namespace sluice::ingest {

// How far a file was imported: what stands before that is in parking, what follows is not.
struct ImportPosition {
  std::string file;  // its path, absolute, links resolved
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  std::string digest;   // SHA-256 of those bytes
  StoreTime last_seen;  // of the last line
  bool ended = false;   // the file had no more
};

// Lines of a file.
struct ImportBatch {
  std::span<const Put> puts;
  // Their dead letters, once it is known what became of the puts: of those that were no messages,
  // and of those whose ids others have.
  std::function<std::vector<DeadRow>(std::span<const PutAnswer>)> dead;
  const ImportPosition* position = nullptr;  // after them; nullptr: of no file
};

struct AddedRows {
  std::vector<KeyFacts> keys;
  bool more = false;
};

class SqliteParking {
 public:
  // kCorrupt, kUnavailable, kFull: the error names the file.
  static Result<std::unique_ptr<SqliteParking>> open(const std::string& path);

  // kCorrupt when the file is found to be damaged: for the start of a process.
  Status check_whole();

  // One transaction. When the database or the commit fails, nothing was changed and all are
  // answered ParkingFailed; a call that asks for what is damaged fails alone.
  std::vector<ParkingReply> apply(std::span<const ParkingCall> calls);

  // The keys to which another connection has added rows since the last time this was asked, as far
  // as one look goes: with `more`, ask again soon. Own rows among them may be named once more.
  Result<AddedRows> added_by_others();
  // Between commits, now and then; what is due is port::Sqlite's to know.
  void checkpoint_if_due(bool idle);
  Result<ParkingSums> sums();
  // How SQLite goes about its questions, a line for each step: what a test looks at.
  Result<std::string> plans();

  // ---- dead letters; each its own transaction
  // In the order of their deaths; `visit` returns false to stop.
  Status each_dead(const std::function<bool(const DeadRow&)>& visit);
  // By id, or by the first digits of the identity.
  Result<std::vector<DeadRow>> find_dead(std::string_view id);
  // Back into its line as generation + 1, with no attempts; so far behind what comes now.
  Result<ReplayEnd> replay(const DeadRow& dead, StoreTime now, Duration behind = {});
  Status purge(const DeadRow& dead);

  // ---- imports
  // All of it or, when that failed, nothing.
  Status import(const ImportBatch& batch);
  Result<std::optional<ImportPosition>> import_position(const std::string& file);

  // What is to be told of settled messages.
  SqliteReplies& replies() { return replies_; }

 private:
  struct Statements;
  explicit SqliteParking(port::Sqlite database);
  Status prepare();
  Result<ParkingAnswer> answer(const Call& call);

  Result<ParkingAnswer> on(const Put& call);
  Result<ParkingAnswer> on(const ReadHead& call);
  Result<ParkingAnswer> on(const ReadRow& call);
  Result<ParkingAnswer> on(const SettleRow& call);
  Result<ParkingAnswer> on(const Reorder& call);
  Result<ParkingAnswer> on(const LookupId& call);
  Result<ParkingAnswer> on(const MarkCancelled& call);
  Result<ParkingAnswer> on(const ListKeys& call);
  Result<ParkingAnswer> on(const ListEnding& call);
  Result<ParkingAnswer> on(const SetHolds& call);
  Result<ParkingAnswer> on(const ForgetNames& call);

  bool changed_by_others();
  Result<std::int64_t> last_number();

  struct Remembered {
    Name name;
    StoreTime until;
  };
  Result<KeyFacts> facts(const std::string& key);
  Result<std::int64_t> head_order(const std::string& key);
  Result<std::optional<Remembered>> name_by(port::Statement& question);
  Result<std::optional<Remembered>> newest(const std::string& source, const std::string& id);
  Result<std::optional<Remembered>> name_of(const std::string& identity);
  Result<std::vector<wire::Offer>> read_rows(port::Statement& question, std::uint64_t bytes_max,
                                             std::uint32_t count, bool& more);
  Result<std::optional<std::string>> stored_row(const std::string& identity);
  Result<std::optional<wire::Offer>> row_of(const std::string& identity);
  struct EndingPage;
  Status list_ending(port::Statement& question, EndingPage& page);
  Status mark_offered(const std::vector<wire::Offer>& rows);
  Status insert_row(const wire::Offer& row, bool cancelled);
  Status insert_name(const Put& call);
  // Where it stands among the rows of its key.
  Result<std::int64_t> place_of(const wire::Offer& row);
  // Its key is held from now on, if the row that has died says so.
  Result<bool> stop_behind(const std::string& message, const wire::Settled& settled);
  // The row ends as `name` says, which is remembered until then. Whether it was there, or was still
  // to come (not `had_row`).
  Result<bool> settle_row(const Name& name, StoreTime until, bool had_row);
  // A dead letter; `message`: its encoded message, if it is one.
  Status bury(const DeadRow& dead, std::optional<std::string_view> message);
  Status keep_position(const ImportPosition& position);
  Status put_anew(const DeadRow& dead, StoreTime now, Duration behind);

  port::Sqlite database_;
  SqliteReplies replies_;  // this one, too, goes before the database
  std::unique_ptr<Statements> sql_;
  std::int64_t version_seen_ = 0;
  std::int64_t number_seen_ = 0;  // rows up to this one are known
  bool looking_ = false;          // rows after it may be another connection's

 public:
  ~SqliteParking();
};

}  // namespace sluice::ingest
