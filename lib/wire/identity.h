// The identity of a message and the hash of its bytes (design 1). Every process computes them
// alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/wire/messages.h"

namespace sluice::wire {

// First 16 bytes of SHA-256 over source, key, id (each as length + bytes) and generation.
std::string identity_of(std::string_view source, std::string_view key, std::string_view id,
                        std::uint32_t generation);

// SHA-256 over method, path, headers in order, and body, each as length + bytes.
std::string content_hash_of(const Request& request);

// The reason of a message that is dead because another one with other bytes has its identity.
inline constexpr const char* kIdConflict = "id_conflict";

// What such a message is kept and recorded under: the other one's identity is not touched.
std::string conflict_identity_of(const std::string& identity, const std::string& content_hash);

// The first eight bytes of an identity, for the count-and-hash of heartbeats.
std::uint64_t short_hash(std::string_view identity);

}  // namespace sluice::wire
