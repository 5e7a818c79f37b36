// What the alerter's core asks of its memory, as values: each call is one transaction and an answer
// means that it is durable. An answer may be late or never come; every call can be said again.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lib/wire/messages.h"

namespace sluice::alerter {

// One alert that has not reached all of its sinks.
struct Undelivered {
  wire::Alert alert;
  struct Sink {
    std::string name;
    std::uint32_t attempts = 0;
  };
  std::vector<Sink> sinks;                 // those that it has not reached
  std::vector<std::string> given_up = {};  // those that it will not reach
};

// Up to which line of the trail are the alerts known? What was undelivered to any but these sinks
// is given up there, and goes to all of these that have not had it.
struct StateOpen {
  std::vector<std::string> sinks;
};
// What was said of a dedup key (repeats.h).
struct Spoken {
  std::string dedup_key;
  StoreTime seen;                                   // the last alert's own time
  StoreTime said;                                   // of the last one that was said
  wire::Severity severity = wire::Severity::kInfo;  // and its severity
};
struct StateOpened {
  std::uint64_t cursor = 0;
  std::vector<Spoken> spoken = {};  // the newest 10,000
  std::uint64_t adopted = 0;        // deliveries to sinks that are gone
};

// These alerts are known now, each for its sinks (undelivered; none: it says again what was said),
// the cursor is there, and this was spoken. An alert that is known stays as it is.
struct StatePut {
  std::vector<wire::Alert> alerts;
  std::vector<std::vector<std::string>> sinks;  // for each alert
  std::uint64_t cursor = 0;
  std::vector<Spoken> spoken;
};
struct StatePutDone {
  std::vector<bool> created;  // for each alert
};

// Alerts with one of these sinks undelivered, whoever put them, oldest cursor first.
struct StateDue {
  std::vector<std::string> sinks;
  std::uint32_t max = 1;
};
struct StateDueFound {
  std::vector<Undelivered> due;
};

// How a delivery of these alerts to a sink went.
enum class Fate : std::uint8_t { kUndelivered = 0, kDelivered = 1, kGivenUp = 2 };
struct StateMark {
  std::vector<std::string> alert_ids;
  std::string sink;
  Fate fate = Fate::kUndelivered;
  std::uint32_t attempts = 0;  // more than before
  std::string error;
  std::vector<std::string> instead;  // kGivenUp: sinks that get them too, if they had not
};
struct StateMarked {};

struct StateFailed {
  std::string what;
};

using StateCall = std::variant<StateOpen, StatePut, StateDue, StateMark>;
using StateAnswer =
    std::variant<StateOpened, StatePutDone, StateDueFound, StateMarked, StateFailed>;

struct StateAsk {
  std::uint64_t call_id = 0;
  StateCall call;
};
struct StateReply {
  std::uint64_t call_id = 0;
  StateAnswer answer;
};

}  // namespace sluice::alerter
