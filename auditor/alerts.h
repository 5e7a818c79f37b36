// Alerts, made: the same dedup key and period give the same id (lib/digest/uuid.h), so that whoever
// raises one again raises the same. Pure.
#pragma once

#include <string>

#include "auditor/watch.h"
#include "lib/wire/messages.h"

namespace sluice::auditor {

// "60 s", "0.5 s".
std::string seconds_text(Duration span);

// Once per limit, key and hour.
wire::Alert violation_alert(const Violation& violation);

}  // namespace sluice::auditor
