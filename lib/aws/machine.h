// The machine, as what looks for credentials needs it: so that tests need no machine of their own.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "lib/base/result.h"

namespace sluice::aws {

class Machine {
 public:
  virtual ~Machine() = default;
  // Of the process's environment; empty: it has none of this name.
  [[nodiscard]] virtual std::string variable(const std::string& name) const = 0;
  // kUnavailable, naming it, when it cannot be read.
  [[nodiscard]] virtual Result<std::string> file(const std::string& path) const = 0;
  // What a command, cut into words and given to no shell, prints when it ends with 0, within 60 s.
  // Calls `done` once, at once or later.
  virtual void run(const std::string& command, std::function<void(Result<std::string>)> done) = 0;
};

}  // namespace sluice::aws
