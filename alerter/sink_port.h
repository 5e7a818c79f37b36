// Where alerts go to, as values. A delivery may succeed although its reply is lost: it is said
// again with the same alert_id, which every sink is given to know it by.
#pragma once

#include <cstdint>
#include <string>

#include "lib/wire/messages.h"

namespace sluice::alerter {

struct Deliver {
  std::uint64_t call_id = 0;
  std::string sink;
  wire::Alert alert;
};

struct Delivered {
  std::uint64_t call_id = 0;
  bool ok = false;
  std::string error;  // when not ok: what a person reads
};

}  // namespace sluice::alerter
