// The kinds of alerts: whoever raises one has it here, sinks choose among them, and
// docs/runbooks/alerts.md says of each what to do.
#pragma once

#include <array>
#include <string_view>

namespace sluice::wire {

inline constexpr std::array<std::string_view, 13> kAlertKinds = {
    "violation",   "abnormal_usage", "dead_stop",    "dead_share", "held",
    "start_delay", "dead_letters",   "long_penalty", "closure",    "unwatched",
    "budget",      "auditor_silent", "uncopied"};

}  // namespace sluice::wire
