// Ingest's core: the front door of a queue. What is posted is accepted by its name, sent into the
// queue, and answered once the queue has said that it has it; from there it comes like any other
// copy, and becomes the row of its name before anything else (core_copies.cc). So a repeat sends
// again while the name is only accepted: the queue may have none, one, or two of it.
#include <utility>

#include "ingest/core.h"
#include "lib/base/mark.h"

namespace sluice::ingest {

namespace {

constexpr Duration kRetry = seconds(1);

}  // namespace

// As it was accepted: when it was first seen, and when it ends, the first one said.
void IngestCore::send_posted(std::uint64_t request_id, const Turn& turn) {
  Admission& admission = admissions_.at(request_id);
  if (!std::exchange(admission.put, true)) no_longer_before(admission.submit.message.key);
  SendPosted send{admission.submit.message, std::move(admission.submit.document)};
  send.message.first_seen = admission.known->first_seen;
  send.message.expires_at = admission.known->expires_at;
  queue_call(std::move(send), After::kSent, {}, turn);
  queue_calls_.at(last_id_).request_id = request_id;
}

void IngestCore::posted_sent(std::uint64_t request_id, bool done, const Turn& turn) {
  const auto entry = admissions_.find(request_id);
  if (entry == admissions_.end()) return;
  const Admission& admission = entry->second;
  if (!done) {
    MARK("ingest: the queue did not say that it has a message of the front door");
    const char* why = "the queue did not take the message, or did not say so: post it again";
    return end_submit(request_id, Unavailable{why, kRetry}, turn);
  }
  end_submit(request_id, Accepted{*admission.known, admission.forecast, admission.repeat}, turn);
}

// Who is cancelled before it comes is settled without waiting for its turn.
void IngestCore::posted_parked(const Name& name, const Turn& turn) {
  MARK("ingest: a message is cancelled before it comes from its queue");
  park(MarkCancelled{name.source, name.id}, ForPosted{}, turn);
}

}  // namespace sluice::ingest
