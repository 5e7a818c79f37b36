// One process per data directory: an flock that the kernel takes back when the process dies, so a
// crash leaves nothing to clean up.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/port/unique_fd.h"

namespace sluice::port {

// Makes the directories of `path` if need be. kUnavailable when another process holds it: the error
// names that process. Held as long as the result lives.
Result<UniqueFd> lock_file(const std::string& path);

// mkdir -p, for the owner only.
Status make_directory(const std::string& path);

}  // namespace sluice::port
