// Chance from the kernel (getrandom): boot ids, seeds, secrets. Never fails, never 0.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::port {

std::uint64_t random_id();
std::string random_bytes(std::size_t count);

}  // namespace sluice::port
