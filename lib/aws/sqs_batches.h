// The three batches of a queue, for a Batcher (batcher.h).
#pragma once

#include <string>

#include "lib/aws/batcher.h"
#include "lib/aws/sqs.h"

namespace sluice::aws::sqs {

// As sends(), for who has all of a batch.
BatchCall sending(const std::string& queue_url, const std::vector<Entry>& entries);
// An entry of which SQS says that it has other bytes (MD5) has failed.
BatchKind<Entry> sends(const std::string& queue_url);
BatchKind<std::string> deletes(const std::string& queue_url);  // by receipt
BatchKind<Visibility> visibilities(const std::string& queue_url);

// How SQS counts a message: body, and of each attribute name, type and value.
std::size_t bytes_of(const Entry& entry);

}  // namespace sluice::aws::sqs
