// Ingest's core: rows that have died. The dead letter of a message from a queue is in that queue's
// dead-letter queue before its row goes; of any other it is made when its row goes, in the same
// transaction.
#include <algorithm>
#include <utility>

#include "ingest/core.h"
#include "lib/base/mark.h"

namespace sluice::ingest {

namespace {

constexpr Duration kAgain = seconds(1);

}  // namespace

void IngestCore::end_row(const std::string& identity, const Turn& turn) {
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  const wire::Settled& end = entry->second.settled;
  const bool may_be_a_queues = !config_.queues.empty() && !entry->second.buried;
  if (end.settlement != wire::Settlement::kDead || !may_be_a_queues) {
    return settle_row(identity, turn);
  }
  park(ReadRow{identity, end.key}, ForDead{identity}, turn);
}

void IngestCore::dead_row(const std::string& identity, const ParkingAnswer& answer,
                          const Turn& turn) {
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  const auto* read = std::get_if<RowAnswer>(&answer);
  if (read == nullptr) {
    const auto* failed = std::get_if<ParkingFailed>(&answer);
    // What is damaged is kept as it stands, where a person finds it.
    if (failed != nullptr && failed->alone) return settle_row(identity, turn);
    MARK("ingest: a dead row cannot be read now");
    return at(turn.now + kAgain, Due::kSettle, 0, identity);
  }
  const wire::Settled& end = entry->second.settled;
  const auto& names = config_.queues;
  const bool is_ours =
      read->row && (end.content_hash.empty() || read->row->content_hash == end.content_hash);
  if (!is_ours || std::find(names.begin(), names.end(), read->row->source) == names.end()) {
    return settle_row(identity, turn);
  }
  queue_call(BuryRow{*read->row, end}, After::kBuried, identity, turn);
}

void IngestCore::dead_row_buried(const std::string& identity, bool done, const Turn& turn) {
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  if (!done) {
    MARK("ingest: the dead letter of a row was not taken");
    return at(turn.now + kAgain, Due::kSettle, 0, identity);
  }
  entry->second.buried = true;
  settle_row(identity, turn);
}

}  // namespace sluice::ingest
