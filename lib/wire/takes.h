// Which items travel on which link (the table in docs/protocol.md): what a process of one role
// takes from a process of another. Heartbeats and the like, which travel on every link, are not in
// it.
#pragma once

#include "lib/wire/messages.h"

namespace sluice::wire {

bool takes(Role receiver, Role sender, const Item& item);

}  // namespace sluice::wire
