// The marks of rare paths (lib/base/mark.h) in everything that is linked here, and how often each
// was reached in this process.
#pragma once

#include <span>

#include "lib/base/mark.h"

namespace sluice::sim {

std::span<const Mark> marks();

}  // namespace sluice::sim
