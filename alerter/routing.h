// Which sinks an alert goes to, and which alerts one delivery lists. Pure.
#pragma once

#include <string>
#include <vector>

#include "alerter/config.h"
#include "lib/wire/messages.h"

namespace sluice::alerter {

// Whether the sink takes it: by severity, by kind and, for what is about a budget, by its name.
bool takes(const Sink& sink, const wire::Alert& alert);
std::vector<std::string> route(const std::vector<Sink>& sinks, const wire::Alert& alert);

// Alerts of one group are told together: the same kind, and the same values of these labels.
std::string group_of(const wire::Alert& alert, const std::vector<std::string>& labels);

}  // namespace sluice::alerter
