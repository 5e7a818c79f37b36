// Batches: an answer says of each entry by its id how it ended. Ids are the entries' positions.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "lib/aws/reply.h"
#include "lib/aws/request.h"

namespace sluice::aws {

struct EntryFate {
  enum class How {
    kUnsaid,  // the answer does not name it: it may be done or not
    kDone,
    kFailed,
  };
  How how = How::kUnsaid;
  std::string id = {};        // of the message, when it was sent
  std::string sequence = {};  // of FIFO: its place
  std::string code = {};      // of what failed
  std::string message = {};
  bool is_senders = false;  // it failed for what it is, and would again
  bool is_whole = false;    // its batch failed, and not it alone
  // For what it is, which says nothing of others.
  [[nodiscard]] bool is_refused() const { return how == How::kFailed && is_senders && !is_whole; }
  // Of SQS: in hex, what it has of a message's body and attributes; empty: it does not say.
  std::string md5_body = {};
  std::string md5_attributes = {};
};

// A batch on its way: what is asked, and how the answer is read.
struct BatchCall {
  Request request;
  std::function<Reply<std::vector<EntryFate>>(const Outcome&)> read;
};

// For entry `index` of a batch.
inline std::string entry_id(std::size_t index) { return std::to_string(index); }

// Reads Successful and Failed, in JSON, as SQS and SNS have them: one fate per entry asked for.
// What an answer says of others, or of one a second time, counts for nothing; who is said to be
// both done and failed is kUnsaid.
std::vector<EntryFate> fates_of(const std::string& json_object, std::size_t asked);

}  // namespace sluice::aws
