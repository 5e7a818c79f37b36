// Alerts, made: the same dedup key and period give the same id, so that whoever raises one again
// raises the same. Pure.
#pragma once

#include <string>
#include <string_view>

#include "auditor/watch.h"
#include "lib/wire/messages.h"

namespace sluice::auditor {

// UUID version 5 (RFC 9562) of a name in a namespace of 16 bytes.
std::string uuid_v5(std::string_view name_space, std::string_view name);

std::string alert_id_of(std::string_view dedup_key, std::string_view period);

// "60 s", "0.5 s".
std::string seconds_text(Duration span);

// Once per limit, key and hour.
wire::Alert violation_alert(const Violation& violation);

}  // namespace sluice::auditor
