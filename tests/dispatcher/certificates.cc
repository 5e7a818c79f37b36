#include "tests/dispatcher/certificates.h"

#include <cstdlib>

namespace sluice::dispatcher {

bool make_certificates(const std::string& folder) {
  const std::string script =
      "cd " + folder +
      " && openssl ecparam -genkey -name prime256v1 -out ca.key"
      " && openssl req -x509 -new -key ca.key -subj /CN=ca -days 2 -out ca.pem"
      " && openssl ecparam -genkey -name prime256v1 -out server.key"
      " && openssl req -new -key server.key -subj /CN=localhost -out server.csr"
      " && printf 'subjectAltName=DNS:localhost' > san"
      " && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
      " -extfile san -out server.pem";
  return std::system(("( " + script + " ) >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace sluice::dispatcher
