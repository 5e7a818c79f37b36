// Secrets by reference: secret://env/NAME, or secret://file/run/secrets/x for the file
// /run/secrets/x. A file is read each time, so a new secret needs no restart: a new one may have
// the old one's size and times. secret://aws/NAME and secret://aws/NAME#FIELD are references, too,
// which lib/aws/secrets.h reads. Values are never logged.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sluice::port {

// Whether `text` is such a reference.
bool is_secret(std::string_view text);

// Whether it is one of Secrets Manager.
bool is_aws_secret(std::string_view text);

// Whether there is something to read: the file, or the variable.
bool secret_exists(const std::string& reference);

// The value without the line end that follows it. kUnavailable when it is not there, is empty, has
// control characters, or blanks at an end; the error names the reference, never the value.
Result<std::string> resolve_secret(const std::string& reference);
using ReadSecret = std::function<Result<std::string>(const std::string& reference)>;

// The same of a value that came by another way.
Result<std::string> usable_secret(std::string value, const std::string& reference);

}  // namespace sluice::port
