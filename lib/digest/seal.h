// Text that travels through other hands and that only its maker can read or write: AES-256-GCM
// (NIST SP 800-38D) by OpenSSL, in hex digits. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

inline constexpr std::size_t kSealSecret = 32;
inline constexpr std::size_t kSealNonce = 12;

// `secret` and `nonce` have the sizes above; a nonce is never used twice with a secret. Texts
// without NUL bytes of up to 255 bytes, and each further 256, have sealed texts of the same length.
std::string sealed(std::string_view secret, std::string_view nonce, std::string_view text);
// Nothing unless it was sealed with this secret.
std::optional<std::string> unsealed(std::string_view secret, std::string_view sealed_text);

}  // namespace sluice
