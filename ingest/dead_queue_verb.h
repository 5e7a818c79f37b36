// `sluice-ingest dead ... --queue NAME`: the verbs on a queue's dead letters.
#pragma once

#include "lib/base/settings.h"
#include "lib/stage/verb_line.h"

namespace sluice::ingest {

// The exit code; `usage` is what is said of a verb that there is not.
int run_dead_queue(const stage::VerbLine& line, const Settings& settings, const char* usage);

}  // namespace sluice::ingest
