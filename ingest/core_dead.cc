// Ingest's core: what has died. The dead letter of a message from a queue is in that queue's
// dead-letter queue before its copy or its row goes; of any other, and of what that queue cannot
// hold, it is made when its row goes, in the same transaction.
#include <algorithm>
#include <utility>

#include "ingest/core.h"
#include "lib/base/mark.h"

namespace sluice::ingest {

namespace {

constexpr Duration kBuryAgain = seconds(1);  // doubled for each more
constexpr Duration kBuryAgainMax = minutes(1);
constexpr std::size_t kBuryingMax = 64;  // at once

}  // namespace

// ---- rows

void IngestCore::end_row(const std::string& identity, const Turn& turn) {
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  Settling& end = entry->second;
  end.waits = false;
  const bool is_dead = end.settled.settlement == wire::Settlement::kDead;
  if (!is_dead || config_.queues.empty() || end.grave != Grave::kOpen) {
    return settle_row(identity, turn);
  }
  if (burying_.size() >= kBuryingMax) return bury_later(identity, turn);
  burying_.insert(identity);
  park(ReadRow{identity, end.settled.key}, ForDead{identity}, turn);
}

void IngestCore::dead_row(const std::string& identity, const ParkingAnswer& answer,
                          const Turn& turn) {
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) {
    burying_.erase(identity);
    return;
  }
  const auto* read = std::get_if<RowAnswer>(&answer);
  if (read == nullptr) {
    const auto* failed = std::get_if<ParkingFailed>(&answer);
    // What is damaged is kept as it stands, where a person finds it.
    if (failed != nullptr && failed->alone) return bury_in(Grave::kOwn, identity, turn);
    MARK("ingest: a dead row cannot be read now");
    return bury_later(identity, turn);
  }
  const wire::Settled& end = entry->second.settled;
  const auto& names = config_.queues;
  const bool is_ours =
      read->row && (end.content_hash.empty() || read->row->content_hash == end.content_hash);
  // Without an envelope it is not known as it came.
  if (!is_ours || read->row->envelope.empty() ||
      std::find(names.begin(), names.end(), read->row->source) == names.end()) {
    return bury_in(Grave::kOwn, identity, turn);
  }
  queue_call(BuryRow{*read->row, end}, After::kBuried, identity, turn);
}

void IngestCore::dead_row_buried(const std::string& identity, const QueueReply& reply,
                                 const Turn& turn) {
  if (reply.done) return bury_in(Grave::kQueues, identity, turn);
  if (reply.refused) {
    MARK("ingest: the dead-letter queue cannot hold a message");
    return bury_in(Grave::kOwn, identity, turn);
  }
  MARK("ingest: the dead letter of a row was not taken");
  bury_later(identity, turn);
}

void IngestCore::bury_in(Grave grave, const std::string& identity, const Turn& turn) {
  burying_.erase(identity);
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  entry->second.grave = grave;
  settle_row(identity, turn);
}

// Who stops does not wait for it: it is settled again.
void IngestCore::bury_later(const std::string& identity, const Turn& turn) {
  burying_.erase(identity);
  const auto entry = settling_.find(identity);
  if (entry == settling_.end()) return;
  Settling& end = entry->second;
  if (draining_) {
    settling_.erase(entry);
    return;
  }
  end.again = end.again == Duration{} ? kBuryAgain : std::min(end.again * 2, kBuryAgainMax);
  end.waits = true;
  at(turn.now + end.again, Due::kSettle, 0, identity);
}

// ---- copies

wire::Settled IngestCore::death_of(const wire::Offer& message, const char* reason,
                                   const Turn& turn) const {
  return {message.identity, message.key, message.upstream,    wire::Settlement::kDead, reason, 0, 0,
          wall(turn.now),   {},          message.content_hash};
}

// It ends here, by no limiter's word: nobody can send it.
void IngestCore::bury_copy(Copy& copy, const char* reason, const Turn& turn) {
  const wire::Settled why = death_of(copy.message, reason, turn);
  for (const std::string& receipt : copy.receipts) {
    queue_call(DeadLetter{receipt, why}, After::kDelete, {}, turn);
  }
  left_group(copies_.extract(std::string(copy.message.identity)).mapped(), turn);
}

}  // namespace sluice::ingest
