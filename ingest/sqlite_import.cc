// The embedded parking store's imports: lines, what is wrong with some, and how far that is in the
// file, in one transaction.
#include <utility>

#include "ingest/sqlite_parking.h"
#include "ingest/sqlite_statements.h"

namespace sluice::ingest {

using Step = port::Statement::Step;

Result<std::optional<ImportPosition>> SqliteParking::import_position(const std::string& file) {
  auto& question = sql_->import_position;
  auto stepped = question.bind_blob(1, file).step();
  if (!stepped) return stepped.error();
  std::optional<ImportPosition> found;
  if (*stepped == Step::kRow) {
    found = ImportPosition{file,
                           static_cast<std::uint64_t>(question.integer(0)),
                           static_cast<std::uint64_t>(question.integer(1)),
                           std::string(question.bytes(2)),
                           {question.integer(3)},
                           question.integer(4) != 0};
  }
  question.reset();
  return found;
}

Status SqliteParking::keep_position(const ImportPosition& position) {
  return sql_->keep_position.bind_blob(1, position.file)
      .bind(2, static_cast<std::int64_t>(position.bytes))
      .bind(3, static_cast<std::int64_t>(position.lines))
      .bind_blob(4, position.digest)
      .bind(5, position.last_seen.us)
      .bind(6, position.ended ? 1 : 0)
      .run();
}

Status SqliteParking::import(const ImportBatch& batch) {
  auto transaction = port::Transaction::begin(database_);
  if (!transaction) return transaction.error();
  std::vector<PutAnswer> answers;
  for (const Put& put : batch.puts) {
    auto answered = on(put);
    if (!answered) return answered.error();
    answers.push_back(std::get<PutAnswer>(std::move(*answered)));
  }
  for (const DeadRow& dead : batch.dead(answers)) {
    if (auto written = bury(dead, {}); !written) return written;
  }
  if (batch.position != nullptr) {
    if (auto kept = keep_position(*batch.position); !kept) return kept;
  }
  return transaction->commit();
}

}  // namespace sluice::ingest
