// What AWS's answers say of how a request ended, whatever the protocol. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "lib/aws/service.h"
#include "lib/base/instant.h"

namespace sluice::aws {

struct HttpText {
  std::uint32_t status = 0;                        // 0: none came
  std::map<std::string, std::string> fields = {};  // of the header, by lower-case name
  std::string body = {};
  std::string trouble = {};   // why none came
  bool timed_out = false;     // none came in time
  Duration retry_after = {};  // from now on; 0: it said none
};

struct Fault {
  std::string code;     // "QueueDoesNotExist": without namespace and address
  std::string message;  // AWS's words, as far as they may be logged: no request that they quote
  friend bool operator==(const Fault&, const Fault&) = default;
};

// Of an answer whose status is not 2xx. Where the body says nothing that can be read the code is
// the status: "HTTP 502".
Fault fault_of(Protocol protocol, const HttpText& answer);

// What a fault is to whoever asked.
enum class FaultKind {
  kTransient,  // 5xx and the like: again
  kThrottled,  // slow down, then again
  kClock,      // the signature's time is not the service's
  kKeys,       // expired or unknown: read them again
  kRefused,    // the request will never do
};
FaultKind kind_of(std::uint32_t status, std::string_view code);

}  // namespace sluice::aws
