// Batches: an answer says of each entry by its id how it ended. Ids are the entries' positions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

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
};

// For entry `index` of a batch.
inline std::string entry_id(std::size_t index) { return std::to_string(index); }

// Reads Successful and Failed, in JSON, as SQS and SNS have them: one fate per entry asked for.
// What an answer says of others, or of one a second time, counts for nothing; who is said to be
// both done and failed is kUnsaid.
std::vector<EntryFate> fates_of(const std::string& json_object, std::size_t asked);

}  // namespace sluice::aws
