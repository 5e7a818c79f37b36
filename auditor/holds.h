// Holds that somebody must know of: an upstream speaks of abnormal usage, or closes a key for long;
// the store closes an upstream. Pure.
#pragma once

#include <optional>
#include <string>

#include "auditor/trail_facts.h"
#include "auditor/trail_line.h"
#include "lib/base/instant.h"
#include "lib/wire/messages.h"

namespace sluice::auditor {

// One hold, as the trail has it: the key's name is the trail's own (hashed).
struct HoldSeen {
  std::string upstream;
  std::string key;  // empty: the upstream as a whole
  std::string reason;
  StoreTime at;
  StoreTime until;  // 0: until somebody opens it
  std::uint64_t line = 0;
};

// Nothing unless it is of that kind. Both say the same of a record and of the line written for it.
std::optional<HoldSeen> hold_of(const wire::Record& record, const RecordLine& line);
std::optional<HoldSeen> hold_of(const Line& line);

// Nothing when nobody needs to know: a person's pause, a penalty that is not longer than this.
// Once per key and hour; abnormal usage once per minute, as each stop is to be heard of; each
// closure once.
std::optional<wire::Alert> hold_alert(const HoldSeen& hold, Duration long_penalty);

}  // namespace sluice::auditor
