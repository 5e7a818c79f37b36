// SQS ("Amazon SQS API Reference"): requests, and what their answers say. Pure. Bodies are UTF-8
// without the characters that XML 1.0 forbids: SQS takes no other.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/aws/batch.h"
#include "lib/aws/reply.h"
#include "lib/aws/request.h"
#include "lib/base/instant.h"

namespace sluice::aws::sqs {

constexpr std::size_t kBatchMax = 10;                  // entries
constexpr std::size_t kBatchBytesMax = 1024UL * 1024;  // bodies and attributes of a batch
constexpr Duration kVisibilityMax = hours(12);

struct Receive {
  std::string queue_url;
  std::uint32_t messages_max = kBatchMax;
  Duration wait = seconds(20);               // a long poll's
  std::optional<Duration> visibility = {};   // nothing: the queue's own
  std::vector<std::string> attributes = {};  // of messages, by name; ".*" in the end: by prefix
  // Of a FIFO queue: said again with the same one, within five minutes, it brings the same
  // messages. At most 128 letters and digits, never used for another reception.
  std::string attempt = {};
};
// Of a message, beside its body.
struct Attribute {
  std::string value;            // of a Binary: base64
  std::string type = "String";  // "String", "Number", "Binary", or one of these with ".own" behind
};
using Attributes = std::map<std::string, Attribute>;

struct Message {
  std::string id;
  std::string receipt;
  std::string body;
  std::uint32_t receives = 0;  // this one included
  StoreTime sent = {};
  StoreTime first_received = {};
  std::string group = {};      // MessageGroupId; empty: none
  std::string sequence = {};   // of FIFO queues
  Attributes attributes = {};  // those that were asked for
  // What is not as SQS has it, by its MD5: "MD5OfBody", "MD5OfMessageAttributes". Not to be taken.
  std::string damage = {};
};
Request receive_message(const Receive& what);
// Messages without id, receipt or body are left out: nothing could be done with them.
Reply<std::vector<Message>> read_received(const Outcome& outcome);

struct Entry {
  std::string body;
  Attributes attributes = {};
  std::optional<Duration> delay = {};  // not of FIFO queues
  std::string group = {};
  std::string deduplication_id = {};
};
// 1 to 10 of them, as of the batches below. Sent by sending() of sqs_batches.h, which looks at
// MD5s.
Request send_message_batch(const std::string& queue_url, const std::vector<Entry>& entries);
Request delete_message_batch(const std::string& queue_url,
                             const std::vector<std::string>& receipts);
struct Visibility {
  std::string receipt;
  Duration timeout;  // whole seconds, rounded up; 0 to 12 h
};
Request change_message_visibility_batch(const std::string& queue_url,
                                        const std::vector<Visibility>& entries);
// Of any of the three, in the order of what was asked.
Reply<std::vector<EntryFate>> read_batch(const Outcome& outcome, std::size_t asked);

Request get_queue_url(const std::string& name, const std::string& owner_account = {});
Reply<std::string> read_queue_url(const Outcome& outcome);

struct QueueAttributes {
  std::string arn;
  Duration visibility;
  Duration retention;
  std::uint32_t receives_max = 0;  // of RedrivePolicy; 0: nothing is dead-lettered
  std::string dead_letter_arn;
  bool is_fifo = false;
  bool names_by_content = false;  // ContentBasedDeduplication
  std::size_t bytes_max = 0;      // of a message, attributes included; 0: it does not say
  std::uint64_t waiting = 0;      // approximately, as the next two
  std::uint64_t in_flight = 0;
  std::uint64_t delayed = 0;
};
Request get_queue_attributes(const std::string& queue_url);
Reply<QueueAttributes> read_queue_attributes(const Outcome& outcome);

}  // namespace sluice::aws::sqs
