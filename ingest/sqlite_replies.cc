#include "ingest/sqlite_replies.h"

#include <utility>

#include "lib/wire/codec.h"

namespace sluice::ingest {

using port::Statement;
using Step = Statement::Step;

namespace {

#define REPLY_COLUMNS "number, host, url, source, id, generation, first_seen, settled, tries"

Result<Reply> read_reply(const Statement& row) {
  const auto text = [&row](int column) { return std::string(row.bytes(column)); };
  auto item = wire::decode_item(row.bytes(7));
  auto* settled = item ? std::get_if<wire::Settled>(&*item) : nullptr;
  if (settled == nullptr) {
    return Error{Trouble::kCorrupt,
                 "parking: a stored reply cannot be read" + (item ? "" : ": " + item.error().what)};
  }
  return Reply{row.integer(0),
               text(1),
               text(2),
               text(3),
               text(4),
               static_cast<std::uint32_t>(row.integer(5)),
               {row.integer(6)},
               std::move(*settled),
               static_cast<std::uint32_t>(row.integer(8))};
}

}  // namespace

Status SqliteReplies::prepare() {
  const std::pair<Statement*, const char*> all[] = {
      // A name that was forgotten unsettled has left its own behind: it is this message's now.
      {&expect_,
       "INSERT OR REPLACE INTO replies (identity, host, url, source, id, generation, first_seen, "
       "settled, settled_at, tries, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, 0, 0, 0)"},
      {&settle_,
       "UPDATE replies SET settled = ?1, settled_at = ?2, due_at = ?2 "
       "WHERE identity = ?3 AND settled IS NULL"},
      {&due_, "SELECT " REPLY_COLUMNS " FROM replies WHERE settled IS NOT NULL AND host = ?1 AND "
              "due_at <= ?2 ORDER BY due_at, number LIMIT ?3"},
      {&by_age_, "SELECT " REPLY_COLUMNS " FROM replies WHERE settled IS NOT NULL AND "
                 "settled_at < ?1 ORDER BY settled_at, number LIMIT ?2"},
      {&over_, "DELETE FROM replies WHERE number = ?1"},
      {&later_, "UPDATE replies SET tries = ?1, due_at = ?2 WHERE number = ?3"},
      {&waiting_, "SELECT count(*) FROM replies WHERE settled IS NOT NULL"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = std::move(*prepared);
  }
  return Done{};
}

Status SqliteReplies::expect(const wire::Offer& row) {
  if (row.reply_to.empty()) return Done{};
  const std::string host = reply_host(row.reply_to);
  return expect_.bind_blob(1, row.identity)
      .bind_text(2, host)
      .bind_text(3, row.reply_to)
      .bind_text(4, row.source)
      .bind_text(5, row.id)
      .bind(6, row.generation)
      .bind(7, row.first_seen.us)
      .run();
}

Status SqliteReplies::settle(const wire::Settled& settled) {
  const std::string item = wire::encode_item(settled);
  return settle_.bind_blob(1, item).bind(2, settled.at.us).bind_blob(3, settled.identity).run();
}

Result<std::vector<Reply>> SqliteReplies::read(Statement& question) {
  std::vector<Reply> replies;
  for (;;) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::kDone) break;
    auto reply = read_reply(question);
    if (!reply) {
      question.reset();
      return reply.error();
    }
    replies.push_back(std::move(*reply));
  }
  question.reset();
  return replies;
}

Result<std::vector<Reply>> SqliteReplies::due(const std::string& host, StoreTime now,
                                              std::uint32_t count) {
  return read(due_.bind_text(1, host).bind(2, now.us).bind(3, count));
}

Result<std::vector<Reply>> SqliteReplies::settled_before(StoreTime time, std::uint32_t count) {
  return read(by_age_.bind(1, time.us).bind(2, count));
}

Status SqliteReplies::note(std::span<const ReplyNote> notes) {
  auto transaction = port::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  for (const ReplyNote& note : notes) {
    auto written = note.over
                       ? over_.bind(1, note.number).run()
                       : later_.bind(1, note.tries).bind(2, note.due.us).bind(3, note.number).run();
    if (!written) return written;
  }
  return transaction->commit();
}

Result<std::uint64_t> SqliteReplies::waiting() {
  auto stepped = waiting_.step();
  if (!stepped) return stepped.error();
  const auto count = static_cast<std::uint64_t>(waiting_.integer(0));
  waiting_.reset();
  return count;
}

#undef REPLY_COLUMNS

}  // namespace sluice::ingest
