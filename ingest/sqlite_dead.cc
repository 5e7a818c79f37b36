// The embedded parking store's dead letters.
#include <algorithm>
#include <utility>

#include "ingest/name.h"
#include "ingest/sqlite_parking.h"
#include "ingest/sqlite_statements.h"
#include "lib/wire/codec.h"

namespace sluice::ingest {

using port::Statement;

namespace {

std::string text(const Statement& row, int column) { return std::string(row.bytes(column)); }

DeadRow read_dead(const Statement& row) {
  DeadRow dead;
  dead.identity = text(row, 0);
  dead.source = text(row, 1);
  dead.id = text(row, 2);
  dead.key = text(row, 3);
  dead.upstream = text(row, 4);
  dead.generation = static_cast<std::uint32_t>(row.integer(5));
  dead.reason = text(row, 6);
  dead.status = static_cast<std::uint32_t>(row.integer(7));
  dead.attempts = static_cast<std::uint32_t>(row.integer(8));
  dead.at = {row.integer(9)};
  dead.raw = text(row, 11);
  if (row.null(10)) return dead;
  auto item = wire::decode_item(row.bytes(10));
  auto* offer = item ? std::get_if<wire::Offer>(&*item) : nullptr;
  if (offer != nullptr) {
    dead.message = std::move(*offer);
  } else {
    dead.raw = text(row, 10);  // damaged: it is shown as it stands
  }
  return dead;
}

}  // namespace

Status SqliteParking::bury(const DeadRow& dead, std::optional<std::string_view> message) {
  auto& write = sql_->write_dead;
  write.bind_blob(1, dead.identity)
      .bind_text(2, dead.source)
      .bind_text(3, dead.id)
      .bind_text(4, dead.key)
      .bind_text(5, dead.upstream)
      .bind(6, dead.generation)
      .bind_text(7, dead.reason)
      .bind(8, dead.status)
      .bind(9, dead.attempts)
      .bind(10, dead.at.us)
      .bind_blob(12, dead.raw);
  if (message) {
    write.bind_blob(11, *message);
  } else {
    write.bind_null(11);
  }
  return write.run();
}

Status SqliteParking::each_dead(const std::function<bool(const DeadRow&)>& visit) {
  auto& question = sql_->each_dead;
  for (;;) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Statement::Step::kDone) break;
    if (!visit(read_dead(question))) break;
  }
  question.reset();
  return Done{};
}

Result<std::vector<DeadRow>> SqliteParking::find_dead(std::string_view id) {
  std::vector<DeadRow> found;
  std::string digits(id);
  const bool hex = std::all_of(digits.begin(), digits.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!hex) digits.clear();  // no pattern may get into LIKE
  auto& question = sql_->dead_by_id;
  question.bind_text(1, id).bind_text(2, digits);
  for (;;) {
    auto stepped = question.step();
    if (!stepped) return stepped.error();
    if (*stepped == Statement::Step::kDone) break;
    found.push_back(read_dead(question));
  }
  question.reset();
  return found;
}

Status SqliteParking::put_anew(const DeadRow& dead, StoreTime now, Duration behind) {
  const wire::Offer& message = *dead.message;
  auto latest = newest(message.source, message.id);
  if (!latest) return latest.error();
  const std::uint32_t known = *latest ? (*latest)->name.generation : 0;
  const wire::Offer row = anew(message, std::max(message.generation, known) + 1, now, behind);
  return insert_row(row, row.cancelled);
}

Result<ReplayEnd> SqliteParking::replay(const DeadRow& dead, StoreTime now, Duration behind) {
  if (!dead.message) return ReplayEnd::kNoMessage;
  auto transaction = port::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  if (auto gone = sql_->delete_dead.bind_blob(1, dead.identity).run(); !gone) return gone.error();
  if (database_.changes() == 0) return ReplayEnd::kGone;
  if (auto put = put_anew(dead, now, behind); !put) return put.error();
  if (auto committed = transaction->commit(); !committed) return committed.error();
  return ReplayEnd::kReplayed;
}

Status SqliteParking::purge(const DeadRow& dead) {
  return sql_->delete_dead.bind_blob(1, dead.identity).run();
}

}  // namespace sluice::ingest
