// What sluice-limiter does besides limiting:
//
//   sluice-limiter explain KEY|ID [--json]                     asks the limiter that runs
//   sluice-limiter simulate --trace FILE --limits FILE ...     offline (replay.h)
//   sluice-limiter restore [--lift] ...                        counts the trail's arrivals again
#pragma once

#include <string_view>

namespace sluice::limiter {

bool is_verb(std::string_view word);
// Its exit code: 0 done; 1 nothing is known of it; 64 wrong usage; 75 no limiter answers; 78 wrong
// settings, or a trace that cannot be read.
int run_verb(int argc, char** argv);

}  // namespace sluice::limiter
