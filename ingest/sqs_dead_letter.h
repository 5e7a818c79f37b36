// What a dead-letter queue of SQS holds, as dead letters that people read, and its way back. Pure.
#pragma once

#include "ingest/sqlite_parking.h"
#include "ingest/sqs_message.h"

namespace sluice::ingest {

struct SqsDeadLetter {
  aws::sqs::Message message;  // not wrapped
  DeadRow dead;
};

// As our attribute has it. Without one SQS itself has moved the message ("receives"): it was
// received too often.
SqsDeadLetter read_sqs_dead_letter(const aws::sqs::Message& message, const SqsReading& reading);

// Once more for its queue: the next generation, with no attempts behind it, and so much later in
// its key's order. Its group is the one that it had; without one its key's (sqs_group_of).
aws::sqs::Entry sqs_replay(const SqsDeadLetter& letter, std::int32_t priority);

}  // namespace sluice::ingest
