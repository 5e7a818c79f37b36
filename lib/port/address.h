// Addresses that serve only the machine's own network.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <span>
#include <string>

namespace sluice::port {

// The 4 or 16 bytes of an IPv4 or IPv6 address; none of another family.
std::span<const std::uint8_t> address_bytes(const sockaddr* address);

// 127.0.0.0/8, also when written as IPv4 inside IPv6, or ::1.
bool is_loopback(std::span<const std::uint8_t> address);
// An IPv4 (4 bytes) or IPv6 (16 bytes) address that is link-local or a cloud's metadata service,
// also when written as IPv4 inside IPv6; and anything of another length.
bool is_link_local(std::span<const std::uint8_t> address);
// Whether a URL's host is such an address, written out ("169.254.169.254", "[fe80::1]"). A name is
// none: what it resolves to decides, when it is connected to.
bool is_link_local_host(const std::string& host);

}  // namespace sluice::port
