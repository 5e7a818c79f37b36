// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104) by OpenSSL; SHA-1 for names only (uuid.h). Pure
// functions, so that cores may use them: they touch nothing but their arguments.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace sluice {

using Sha256 = std::array<unsigned char, 32>;

Sha256 sha256(std::string_view bytes);
// Not for anything that somebody might want to forge: UUIDs version 5 are made of it (RFC 9562).
std::array<unsigned char, 20> sha1(std::string_view bytes);
Sha256 hmac_sha256(std::string_view secret, std::string_view bytes);
// The same 32 bytes as a std::string, and as 64 lower-case hex digits.
std::string to_bytes(const Sha256& digest);
std::string to_hex(std::string_view bytes);
// Empty unless `hex` is an even number of hex digits.
std::string from_hex(std::string_view hex);

}  // namespace sluice
