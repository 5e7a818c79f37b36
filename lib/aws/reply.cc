#include "lib/aws/reply.h"

namespace sluice::aws {

Refusal refusal_of(const Outcome& outcome) {
  CHECK(outcome.fault.has_value());
  return {outcome.fault->code, outcome.fault->message, outcome.kind, outcome.may_be_done};
}

Refusal unreadable(const std::string& what) {
  return {"UnreadableAnswer", what, FaultKind::kRefused, true};
}

}  // namespace sluice::aws
