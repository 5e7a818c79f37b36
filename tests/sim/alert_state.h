// The alerter's durable state, in memory. It outlives the alerter.
#pragma once

#include <map>
#include <string>

#include "alerter/state_port.h"
#include "tests/sim/world.h"

namespace sluice::sim {

class AlertStateFake {
 public:
  alerter::StateAnswer apply(const alerter::StateCall& call);
  [[nodiscard]] std::uint64_t cursor() const { return cursor_; }
  [[nodiscard]] std::size_t undelivered() const;

 private:
  struct Known {
    wire::Alert alert;
    std::map<std::string, std::uint32_t> undelivered;  // sink -> attempts
  };
  alerter::StateAnswer act(const alerter::StateOpen& open);
  alerter::StateAnswer act(const alerter::StatePut& put);
  alerter::StateAnswer act(const alerter::StateDue& due);
  alerter::StateAnswer act(const alerter::StateMark& mark);

  std::uint64_t cursor_ = 0;
  std::map<std::string, Known> alerts_;
};

}  // namespace sluice::sim
