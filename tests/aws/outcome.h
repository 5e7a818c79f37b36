// Outcomes, as services make them.
#pragma once

#include <string>

#include "lib/aws/client.h"

namespace sluice::aws {

inline Outcome answered(std::string body) {
  Outcome outcome;
  outcome.status = 200;
  outcome.attempts = 1;
  outcome.answer = std::move(body);
  return outcome;
}

inline Outcome refused(std::string code, std::string body = "{}") {
  Outcome outcome = answered(std::move(body));
  outcome.status = 400;
  outcome.fault = Fault{std::move(code), "why"};
  return outcome;
}

}  // namespace sluice::aws
