// Where alerts go to, as values. A delivery may succeed although its reply is lost: it is said
// again with the same alert_id, which every sink is given to know it by.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/wire/messages.h"

namespace sluice::alerter {

// Alerts of one group, oldest first; at least one.
struct Deliver {
  std::uint64_t call_id = 0;
  std::string sink;
  std::vector<wire::Alert> alerts;
};

struct Delivered {
  std::uint64_t call_id = 0;
  bool ok = false;
  std::string error;          // when not ok: what a person reads
  bool refused = false;       // the sink will never take this: 400, 413, 422
  bool unwelcome = false;     // other 4xx: whatever it is given, its address or secret is wrong
  Duration retry_after = {};  // the sink said when it takes more
};

// Somebody outside is told that auditor and alerter are alive. Not answered.
struct Beat {};

// A person should read this in the log.
struct Note {
  std::string what;
  std::string alert_id;
  std::string sink;
};

}  // namespace sluice::alerter
