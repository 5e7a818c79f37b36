// What a Redis server answers (RESP2): https://redis.io/docs/reference/protocol-spec/
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::port {

struct RedisValue {
  enum class Kind : std::uint8_t { kNil, kInteger, kString, kStatus, kError, kArray };
  Kind kind = Kind::kNil;
  std::int64_t integer = 0;       // kInteger
  std::string text;               // kString, kStatus, kError ("NOSCRIPT No matching ...")
  std::vector<RedisValue> items;  // kArray
};

}  // namespace sluice::port
