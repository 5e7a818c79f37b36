// What ingest asks of a queue that others fill (SQS; the simulation's), as values. At least once:
// a copy may come twice, a call may be applied and its answer lost. A copy that is not deleted
// comes back when its visibility ends.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "lib/wire/messages.h"

namespace sluice::ingest {

// One received copy. `message` is complete but for store, order and what ingest makes of them
// (first_seen is when the queue first had it; origin is kQueueCopy).
struct QueueCopy {
  std::string receipt;  // names this reception of this copy
  wire::Offer message;
  // Of a FIFO queue, whose messages go in order (message.in_order): it gives those of a group in
  // their order, and none while one before it is held. All copies of a batch are given to the core,
  // or none.
  std::string group = {};
  bool posted = false;  // the front door has sent it: its name was accepted (Put)
  // It cannot be sent: its document cannot be read whole. `message` has what could be, at least its
  // id; key and upstream are empty where they are not known; the request's body is what came.
  bool malformed = false;
};

struct DeleteCopy {
  std::string receipt;
};

struct SetVisibility {
  std::string receipt;
  Duration visibility;  // from now; 0: others may have it at once
};

// Before its copy is deleted, a dead message goes to the dead-letter queue, at least once.
struct DeadLetter {
  std::string receipt;
  wire::Settled why;
  bool stops = false;  // its key is stopped because of it, without its having been a row
};

// The same of a message that has become a row, whose copy is gone: of the queue that it came from.
struct BuryRow {
  wire::Offer row;
  wire::Settled why;
};

// An accepted message of the front door, into the queue that is its source; at least once.
struct SendPosted {
  wire::Offer message;
  std::string document;  // as it was posted
};

struct QueueCall {
  std::uint64_t call_id = 0;
  std::variant<DeleteCopy, SetVisibility, DeadLetter, BuryRow, SendPosted> call;
};

// Of a call about a copy; empty: it is about none.
inline const std::string& receipt_of(const QueueCall& call) {
  static const std::string none;
  if (const auto* one = std::get_if<DeleteCopy>(&call.call)) return one->receipt;
  if (const auto* one = std::get_if<SetVisibility>(&call.call)) return one->receipt;
  if (const auto* one = std::get_if<DeadLetter>(&call.call)) return one->receipt;
  return none;
}

// `done` false: the queue failed, or says that the receipt is stale; whether the call was applied
// is not known. `refused`: it was not, and would not be another time.
struct QueueReply {
  std::uint64_t call_id = 0;
  bool done = false;
  bool refused = false;
};

}  // namespace sluice::ingest
