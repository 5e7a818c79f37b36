// A listening TCP socket for "127.0.0.1:8080" or "[::1]:8080".
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"
#include "lib/port/unique_fd.h"

namespace sluice::port {

// kSettings: no such address; kUnavailable: taken, named in the error.
Result<UniqueFd> listen_on(const std::string& address);
// kSettings when it is no address and port; whether it is free is not asked.
Status check_listen(const std::string& address);
std::uint16_t port_of(int socket);

}  // namespace sluice::port
