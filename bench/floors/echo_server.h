// The least HTTP server: answers each request with the same bytes. For floors of HTTP clients.
#pragma once

#include <cstdint>

namespace sluice::bench {

// A socket that listens on a free port of 127.0.0.1.
int listen_anywhere(std::uint16_t& port);
// Serves until the process is killed.
void serve_answers(int listener);

}  // namespace sluice::bench
