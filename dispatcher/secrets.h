// Secrets by reference: secret://env/NAME, or secret://file/run/secrets/x for the file
// /run/secrets/x. A file is read again when it changes, so a new credential needs no restart.
// Values are never logged.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "lib/base/result.h"

namespace sluice::dispatcher {

class Secrets {
 public:
  // kSettings when `reference` is none.
  static Status check(const std::string& reference);
  // The value without the line end that follows it. kUnavailable when it is not there, is empty, or
  // has control characters; the error names the reference, never the value.
  Result<std::string> resolve(const std::string& reference);

 private:
  struct Read {
    std::int64_t modified_ns = 0;
    std::int64_t size = 0;
    std::uint64_t inode = 0;
    std::string value;
    friend bool operator==(const Read&, const Read&) = default;
  };
  std::map<std::string, Read> files_;
};

}  // namespace sluice::dispatcher
