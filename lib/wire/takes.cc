#include "lib/wire/takes.h"

namespace sluice::wire {

namespace {

template <class... Kinds>
bool is_one_of(const Item& item) {
  return (std::holds_alternative<Kinds>(item) || ...);
}

bool limiter_takes(Role sender, const Item& item) {
  switch (sender) {
    case Role::kIngest:
      return is_one_of<Offer, Parked, Announced, Rows, Forgotten, Quote, Control, Moved>(item);
    case Role::kDispatcher:
      return is_one_of<Outcome, Penalty>(item);
    case Role::kAuditor:
      return is_one_of<Recorded, Reserved>(item);
    default:
      return false;
  }
}

bool ingest_takes(Role sender, const Item& item) {
  switch (sender) {
    case Role::kLimiter:
      return is_one_of<Settled, Park, Want, Quoted, Controlled, Recall, Moved, Word>(item);
    case Role::kAuditor:
      return is_one_of<Recorded, Reserved>(item);
    default:
      return false;
  }
}

bool auditor_takes(Role sender, const Item& item) {
  switch (sender) {
    case Role::kIngest:
    case Role::kLimiter:
      return is_one_of<Record, Cost, Reserve, Settle, Backlog>(item);
    case Role::kAlerter:
      return is_one_of<Follow>(item);
    default:
      return false;
  }
}

}  // namespace

bool takes(Role receiver, Role sender, const Item& item) {
  switch (receiver) {
    case Role::kIngest:
      return ingest_takes(sender, item);
    case Role::kLimiter:
      return limiter_takes(sender, item);
    case Role::kDispatcher:
      return sender == Role::kLimiter && is_one_of<Dispatch, Recall, Asked, Completed>(item);
    case Role::kAuditor:
      return auditor_takes(sender, item);
    case Role::kAlerter:
      return sender == Role::kAuditor && is_one_of<Alert, Followed>(item);
  }
  return false;
}

}  // namespace sluice::wire
