// Addresses that serve only the machine's own network.
#pragma once

#include <cstdint>
#include <span>

namespace sluice::port {

// An IPv4 (4 bytes) or IPv6 (16 bytes) address that is link-local or a cloud's metadata service,
// also when written as IPv4 inside IPv6; and anything of another length.
bool is_link_local(std::span<const std::uint8_t> address);

}  // namespace sluice::port
