// Before a queue is read: where it is, where its dead go, and what of both is unsafe.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "lib/aws/client.h"
#include "lib/aws/sqs.h"

namespace sluice::ingest {

struct SqsNames {
  std::string queue;              // its name, or its URL
  std::string dead_letter_queue;  // a name; empty: the RedrivePolicy's
};
struct SqsFound {
  std::string url;
  std::string dead_url;
  aws::sqs::QueueAttributes queue;
  aws::sqs::QueueAttributes dead;
};
struct SqsAway {
  std::string operation;
  aws::Refusal why;
};

// Calls `done` once, later. The client outlives it.
void find_sqs_queue(aws::Client& client, const SqsNames& names,
                    std::function<void(const std::variant<SqsFound, SqsAway>&)> done);

// The last part of a queue's URL.
std::string sqs_queue_name(const std::string& name_or_url);

// What may lose messages, in words for the log ("SQS Developer Guide", dead-letter queues); the
// number is what the queue has instead.
struct SqsUnsafe {
  const char* what;
  std::int64_t is;
};
std::vector<SqsUnsafe> unsafe_of(const aws::sqs::QueueAttributes& queue,
                                 const aws::sqs::QueueAttributes& dead);

}  // namespace sluice::ingest
