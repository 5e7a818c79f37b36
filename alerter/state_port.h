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
  std::vector<Sink> sinks;  // those that it has not reached
};

// Up to which line of the trail are the alerts known?
struct StateOpen {};
struct StateOpened {
  std::uint64_t cursor = 0;
};

// These alerts are known now, for these sinks (undelivered), and the cursor is there. An alert that
// is known stays as it is.
struct StatePut {
  std::vector<wire::Alert> alerts;
  std::vector<std::string> sinks;
  std::uint64_t cursor = 0;
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

// How a delivery went.
struct StateMark {
  std::string alert_id;
  std::string sink;
  bool delivered = false;
  std::uint32_t attempts = 0;
  std::string error;
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
