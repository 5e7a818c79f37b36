// Secrets by reference: secret://env/NAME, or secret://file/run/secrets/x for the file
// /run/secrets/x. A file is read each time, so a new credential needs no restart: a new one may
// have the old one's size and times. Values are never logged.
#pragma once

#include <string>

#include "lib/base/result.h"

namespace sluice::dispatcher {

// kSettings when `reference` is none.
Status check_secret(const std::string& reference);

// The value without the line end that follows it. kUnavailable when it is not there, is empty, or
// has control characters; the error names the reference, never the value.
Result<std::string> resolve_secret(const std::string& reference);

}  // namespace sluice::dispatcher
