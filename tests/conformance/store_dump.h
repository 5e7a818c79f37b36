// An answer as text, to the last field: what two stores must say alike.
#pragma once

#include <string>

#include "limiter/store.h"

namespace sluice::limiter {

std::string dump(const StoreReply& reply);

}  // namespace sluice::limiter
