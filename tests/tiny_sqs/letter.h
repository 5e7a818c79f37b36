// What is wrong with what a producer sends ("Amazon SQS API Reference", SendMessage).
#pragma once

#include "tests/tiny_sqs/message.h"

namespace sluice::tiny_sqs {

// An entry of SendMessageBatch, or SendMessage's own fields. Throws Fault.
Letter read_letter(const json& entry, bool is_fifo, bool names_by_content);
std::size_t size_of(const Letter& letter);

}  // namespace sluice::tiny_sqs
