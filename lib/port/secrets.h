// Secrets by reference: secret://env/NAME, or secret://file/run/secrets/x for the file
// /run/secrets/x. A file is read each time, so a new secret needs no restart: a new one may have
// the old one's size and times. Values are never logged.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sluice::port {

// Whether `text` is such a reference.
bool is_secret(std::string_view text);

// Whether there is something to read: the file, or the variable.
bool secret_exists(const std::string& reference);

// The value without the line end that follows it. kUnavailable when it is not there, is empty, has
// control characters, or blanks at an end; the error names the reference, never the value.
Result<std::string> resolve_secret(const std::string& reference);

// The same of a value that came by another way.
Result<std::string> usable_secret(std::string value, const std::string& reference);

}  // namespace sluice::port
