// What a link may listen on or dial: "ipc:///path", "tcp://host:port", "dns:name:port".
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "lib/base/result.h"

namespace sluice::port {

// kSettings, naming the address: not of this form, too long for a socket's path, or not for one
// machine only, which is all that links without keys (CURVE) may be.
Status check_link_address(const std::string& address);

// Of "dns:name:port".
std::optional<std::pair<std::string, std::string>> name_and_port(const std::string& address);

}  // namespace sluice::port
