// An authority of the test's own, and a certificate by it for "localhost": ca.pem, server.pem and
// server.key in `folder`, by the openssl program.
#pragma once

#include <string>

namespace sluice::dispatcher {

bool make_certificates(const std::string& folder);

}  // namespace sluice::dispatcher
