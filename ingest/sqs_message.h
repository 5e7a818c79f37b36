// What a queue of SQS has -> a message of ours, and what has died -> an entry for its dead-letter
// queue. Producers' messages stay as they are; what is ours is one attribute, kSqsAttribute. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ingest/document.h"
#include "lib/aws/sqs.h"
#include "lib/wire/messages.h"

namespace sluice::ingest {

// As it was before sqs_with_ours wrapped it; nothing when it is not wrapped.
std::optional<aws::sqs::Message> sqs_unwrapped(const aws::sqs::Message& message);

// The same message with this as our attribute, in the place of an earlier one. Where that is one
// attribute too many (SQS takes ten) the body is wrapped instead: {"sluice": {...}, "body": "..."}.
aws::sqs::Entry sqs_with_ours(const aws::sqs::Message& message, const std::string& ours);

// How a queue's messages are read.
struct SqsReading {
  std::string source;  // the queue's name
  Pointers pointers = {};
  std::vector<Upstream> upstreams = {};  // the first: of documents that name none
  std::vector<std::string> reply_hosts = {};
  bool in_order = false;      // a FIFO queue
  bool stops_dead = false;    // on_dead = "stop"
  bool group_is_key = false;  // the key's field is the MessageGroupId, and not in the document
};
// A message without an id has the queue's. It was first seen when the queue took it; what is wrong
// with it is said as of a posted document. Of our attribute (sqs_ours.h) the generation counts, a
// priority, which is added to the document's, and the id of one whose document has none.
ReadDocument read_sqs_message(const aws::sqs::Message& message, const SqsReading& reading);

// What is known of one that cannot be read: the id that it was posted by, else the queue's, and
// whose budget it would spend, where its document, or its group, says so.
wire::Offer read_malformed(const aws::sqs::Message& message, const SqsReading& reading);

// What a queue's message has that its offer does not say, as a JSON object: for its dead letter,
// when nothing but its row is left. Empty: it is too much to be kept.
std::string sqs_envelope(const aws::sqs::Message& message, const wire::Offer& offer);
// The message of such a row, as it came.
aws::sqs::Message sqs_message_of(const wire::Offer& row);

// Why a message is in a dead-letter queue.
struct SqsEpitaph {
  std::string source;
  std::string id;  // the producer's; empty: its document could not be read
  std::string key = {};
  std::string upstream = {};
  std::uint32_t generation = 0;
  std::string reason = {};  // "refused", "attempts", "malformed": docs/protocol.md
  std::string detail = {};  // of what is malformed: the field, and what is wrong with it
  std::uint32_t attempts = 0;
  std::uint32_t last_status = 0;
  StoreTime first_seen = {};
  StoreTime died_at = {};
};
std::string sqs_epitaph_text(const SqsEpitaph& epitaph);

// The message as it came, and our attribute. `bytes_max`: of body and attributes in that queue.
// Where there is no room for all of the epitaph it has what a replay and a choice need: reason, id
// and generation. Nothing: not for these either.
std::optional<aws::sqs::Entry> sqs_dead_letter(const aws::sqs::Message& message,
                                               const SqsEpitaph& epitaph, std::size_t bytes_max);
// The message as it came alone, without what an earlier life of it said.
aws::sqs::Entry sqs_without_ours(const aws::sqs::Message& message);

}  // namespace sluice::ingest
