// What the front door sends into a queue: the document as it was posted, as any producer would send
// it, and as our attribute (sqs_ours.h) what it does not say. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ingest/document.h"
#include "lib/aws/sqs.h"
#include "lib/wire/messages.h"

namespace sluice::ingest {

// Its group is a hash of the key: what a standard queue serves groups fairly by, and what a FIFO
// queue keeps in order. There its identity's hash keeps a repeat out for five minutes.
aws::sqs::Entry sqs_posted(const wire::Offer& message, const std::string& document, bool is_fifo);

// Why such a queue does not take it; `bytes_max`: of a message there, 0: it is not known yet.
std::optional<Refusal> sqs_posted_trouble(const wire::Offer& message, const std::string& document,
                                          std::size_t bytes_max);

// Whether this message was sent so.
bool is_sqs_posted(const aws::sqs::Message& message);

}  // namespace sluice::ingest
