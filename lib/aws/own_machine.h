// The machine that this process runs on.
#pragma once

#include "lib/aws/machine.h"
#include "lib/port/command.h"
#include "lib/port/poller.h"

namespace sluice::aws {

class OwnMachine final : public Machine {
 public:
  explicit OwnMachine(port::Poller& poller) : commands_(poller) {}
  [[nodiscard]] std::string variable(const std::string& name) const override;
  // Regular files of at most 1 MiB.
  [[nodiscard]] Result<std::string> file(const std::string& path) const override;
  void run(const std::string& command, std::function<void(Result<std::string>)> done) override;

 private:
  port::Commands commands_;
};

}  // namespace sluice::aws
