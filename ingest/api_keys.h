// API keys of the front door. A token is `sluice_` and 256 random bits in base64url; only its
// SHA-256 is kept. A plain hash is enough here: salts and slow hashes protect what people can guess
// or remember, and nobody guesses 256 random bits, however quickly they can be tried. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/scope.h"
#include "lib/base/instant.h"

namespace sluice::ingest {

enum class Right : std::uint8_t {
  kNone = 0,     // nothing is needed
  kRead = 1,     // look
  kControl = 2,  // send, cancel, pause, resume, consume; and look
  kLimits = 3,   // edit limits; and all of that
};
inline constexpr Right kRights[] = {Right::kRead, Right::kControl, Right::kLimits};
std::string_view word_of(Right right);
// Of one of kRights; nothing: it is none's word.
std::optional<Right> right_of(std::string_view word);
// 1 to 64 letters, digits, '.', '_' and '-'.
bool is_key_name(std::string_view text);

struct ApiKey {
  std::string name;  // unique; what people call it, and who logs say it was
  std::string hash;  // SHA-256 of the token, 32 bytes
  Right right = Right::kRead;
  Scope scope;
  StoreTime made_at;
  StoreTime revoked_at;  // 0: it holds
};

// 32 random bytes -> a token.
std::string token_of(std::string_view random);
std::string token_hash(std::string_view token);

class ApiKeys {
 public:
  void set(std::vector<ApiKey> keys) { keys_ = std::move(keys); }
  // Also when all are revoked: to revoke the last one opens no door.
  [[nodiscard]] bool any() const { return !keys_.empty(); }
  // The key of a token that holds; compared with every key, in a time that does not depend on
  // where they differ.
  [[nodiscard]] const ApiKey* find(std::string_view token) const;

 private:
  std::vector<ApiKey> keys_;
};

// "Bearer <token>" -> the token; empty when it is something else (RFC 6750).
std::string_view bearer_token(std::string_view authorization);

}  // namespace sluice::ingest
