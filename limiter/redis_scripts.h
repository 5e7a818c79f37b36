// The scripts of the store on Redis: limiter/lua, put together at build time (CMakeLists.txt).
#pragma once

#include <array>
#include <cstdint>

namespace sluice::limiter {

enum class RedisScript : std::uint8_t {
  kGrant,
  kComplete,
  kEmptied,
  kForget,
  kHold,
  kPeek,
  kClock,
  kConsume,
  kLimits,
  kRestore,
  kDecide,
  kReplicas
};

struct RedisScriptText {
  const char* name;
  const char* text;  // for SCRIPT LOAD
  const char* sha1;  // for EVALSHA, 40 hex digits
};

inline constexpr std::size_t kRedisScripts = 12;

// In the order of RedisScript.
extern const std::array<RedisScriptText, kRedisScripts> kRedisScriptTexts;

inline const RedisScriptText& text_of(RedisScript script) {
  return kRedisScriptTexts[static_cast<std::size_t>(script)];
}

}  // namespace sluice::limiter
