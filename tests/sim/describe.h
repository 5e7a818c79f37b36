// What the trace says of an item that arrives, next to its name.
#pragma once

#include <string>

#include "lib/wire/messages.h"

namespace sluice::sim {

std::string describe(const wire::Item& item);

}  // namespace sluice::sim
