// Whole files, read to their end or not at all.
#pragma once

#include <string>

#include "lib/base/result.h"

namespace sluice::port {

// kUnavailable with the path and the reason: also for a directory, and when reading breaks off in
// the middle. "-" is standard input.
Result<std::string> read_whole(const std::string& path);

}  // namespace sluice::port
