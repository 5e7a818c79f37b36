// SNS ("Amazon SNS API Reference"): requests, and what their answers say. Pure. Texts are UTF-8
// without the characters that XML 1.0 forbids.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/aws/batch.h"
#include "lib/aws/reply.h"
#include "lib/aws/request.h"

namespace sluice::aws::sns {

constexpr std::size_t kBatchMax = 10;                 // entries
constexpr std::size_t kBatchBytesMax = 256UL * 1024;  // messages and attributes of a batch

// Of a message, for filter policies of subscriptions.
struct Attribute {
  enum class Kind { kString, kNumber };
  std::string value;  // not empty
  Kind kind = Kind::kString;
};
struct Message {
  std::string text;
  std::string subject = {};  // for e-mail; ASCII, at most 100
  std::map<std::string, Attribute> attributes = {};
  std::string group = {};  // of FIFO topics, as the next
  std::string deduplication_id = {};
  std::string email = {};  // for e-mail, in place of the text; empty: the text
};

// 1 to 10 of them.
Request publish_batch(const std::string& topic_arn, const std::vector<Message>& messages);
Reply<std::vector<EntryFate>> read_batch(const Outcome& outcome, std::size_t asked);

}  // namespace sluice::aws::sns
