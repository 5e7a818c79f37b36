// The marks of rare paths (lib/base/mark.h) in everything that is linked here, and how often each
// was reached in this process.
#pragma once

#include <span>
#include <string>

#include "lib/base/mark.h"

namespace sluice::sim {

std::span<const Mark> marks();
// Why no seed reaches this mark; empty: the standard seeds must.
std::string why_out_of_reach(const std::string& mark);

}  // namespace sluice::sim
