// The three batches of a queue, for a Batcher (batcher.h).
#pragma once

#include <string>

#include "lib/aws/batcher.h"
#include "lib/aws/sqs.h"

namespace sluice::aws::sqs {

BatchKind<Entry> sends(const std::string& queue_url);
BatchKind<std::string> deletes(const std::string& queue_url);  // by receipt
BatchKind<Visibility> visibilities(const std::string& queue_url);

// How SQS counts a message: body, and of each attribute name, type and value.
std::size_t bytes_of(const Entry& entry);

}  // namespace sluice::aws::sqs
