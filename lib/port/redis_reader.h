// A server's bytes to RedisValue, by hiredis's reader, into one value that is used again. Whatever
// the bytes are, memory is bounded: what an array claims to hold is not believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lib/port/redis_value.h"

namespace sluice::port {

class RedisReader {
 public:
  explicit RedisReader(std::size_t answer_bytes_max);
  ~RedisReader();
  RedisReader(const RedisReader&) = delete;
  RedisReader& operator=(const RedisReader&) = delete;

  void feed(std::string_view bytes);
  enum class Next : std::uint8_t {
    kValue,   // value() is the next answer
    kMore,    // it is not whole yet
    kBroken,  // this is no Redis server, or an answer is too long; for ever
  };
  Next next();
  RedisValue& value() { return value_; }
  [[nodiscard]] const std::string& why() const { return why_; }  // kBroken

 private:
  struct Calls;  // the functions that hiredis calls
  struct Free {
    void operator()(void* reader) const;
  };
  [[nodiscard]] bool too_long() const;

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;  // that the value being read takes
  RedisValue value_;
  std::string why_;
  std::unique_ptr<void, Free> reader_;  // redisReader
};

}  // namespace sluice::port
