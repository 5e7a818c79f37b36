// A message as a queue has it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "lib/base/instant.h"

namespace sluice::tiny_sqs {

using nlohmann::json;

struct Now {
  Instant steady;  // what is hidden and what is awaited goes by it
  StoreTime wall;  // what is said of a message
};

// What a producer sends.
struct Letter {
  std::string body;
  json attributes = json::object();
  std::string group = {};
  std::string deduplication_id = {};
  Duration delay = {};
};

struct Message {
  std::uint64_t number = 0;  // in the order of sending, of all queues
  std::string id;
  Letter letter;
  std::string md5;  // of its body
  StoreTime sent;
  StoreTime first_received = {};
  std::uint32_t receives = 0;
  bool hidden = false;  // until visible_at
  Instant visible_at = {};
};

// Of its last reception: an earlier one's is another.
std::string receipt_of(const Message& message);
std::string sequence_of(const Message& message);  // of FIFO queues

}  // namespace sluice::tiny_sqs
