// Which kinds of effects may be dropped or done twice, and why nothing comes of it.
#pragma once

#include <string>

namespace sluice::sim {

// The reason; empty when it must be caught.
std::string why_harmless(const std::string& saboteur);
std::size_t harmless_count();  // rows of that table

}  // namespace sluice::sim
