// Secrets by reference: secret://env/NAME, or secret://file/run/secrets/x for the file
// /run/secrets/x. Read each time, so that a new one needs no restart; never logged.
#pragma once

#include <string>

#include "lib/base/result.h"

namespace sluice::alerter {

bool is_secret(const std::string& text);
// The value without the line end that follows it; the error names the reference alone.
Result<std::string> resolve_secret(const std::string& reference);

}  // namespace sluice::alerter
