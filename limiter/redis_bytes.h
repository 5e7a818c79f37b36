// Bytes as the scripts read and write them with struct.pack: little endian, no padding; times and
// other large whole numbers are doubles below 2^53, never() is 2^53; what has a length has it
// before itself.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/instant.h"
#include "limiter/varint.h"

namespace sluice::limiter {

static_assert(std::endian::native == std::endian::little);

inline constexpr std::int64_t kLuaNever = std::int64_t{1} << 53;
// What comes from outside is clamped to what the scripts can count with: the year 2112.
inline constexpr std::int64_t kLuaMost = std::int64_t{1} << 52;

class RedisPacker {
 public:
  RedisPacker& u8(std::uint64_t value) { return put(static_cast<std::uint8_t>(value)); }
  RedisPacker& u16(std::size_t value) { return put(static_cast<std::uint16_t>(value)); }
  RedisPacker& u32(std::uint64_t value) { return put(static_cast<std::uint32_t>(value)); }
  RedisPacker& u64(std::uint64_t value) { return put(value); }
  RedisPacker& number(std::int64_t value) {
    if (value > kLuaMost) value = kLuaMost;
    if (value < -kLuaMost) value = -kLuaMost;
    return put(static_cast<double>(value));
  }
  RedisPacker& time(StoreTime time) { return number(time.us); }
  RedisPacker& span(Duration span) { return number(span.us); }
  RedisPacker& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  RedisPacker& sized8(std::string_view bytes) { return u8(bytes.size()).raw(bytes); }
  RedisPacker& sized16(std::string_view bytes) { return u16(bytes.size()).raw(bytes); }
  std::string take() { return std::move(bytes_); }

 private:
  template <class T>
  RedisPacker& put(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    bytes_.append(bytes, sizeof(T));
    return *this;
  }
  std::string bytes_;
};

// Beyond the end, or for what is no whole number, it is bad() and answers zeros.
class RedisUnpacker {
 public:
  explicit RedisUnpacker(std::string_view bytes) : left_(bytes) {}

  std::uint8_t u8() { return get<std::uint8_t>(); }
  std::uint16_t u16() { return get<std::uint16_t>(); }
  std::uint32_t u32() { return get<std::uint32_t>(); }
  std::uint64_t u64() { return get<std::uint64_t>(); }
  std::int64_t number() {
    const auto value = get<double>();
    const bool whole =
        std::abs(value) <= static_cast<double>(kLuaNever) && std::floor(value) == value;
    if (!whole) bad_ = true;
    return whole ? static_cast<std::int64_t>(value) : 0;
  }
  StoreTime time() {
    const std::int64_t us = number();
    return us >= kLuaNever ? StoreTime::never() : StoreTime{us};
  }
  Duration span() { return {number()}; }
  std::uint64_t varint() {
    const std::optional<std::uint64_t> value = take_varint(left_);
    if (!value) bad_ = true;
    return value.value_or(0);
  }
  std::string_view raw(std::size_t size) {
    if (size > left_.size()) {
      bad_ = true;
      size = left_.size();
    }
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }
  std::string text8() { return std::string(raw(u8())); }
  std::string text16() { return std::string(raw(u16())); }
  std::string text32() { return std::string(raw(u32())); }

  [[nodiscard]] bool bad() const { return bad_; }
  [[nodiscard]] bool whole() const { return !bad_ && left_.empty(); }
  [[nodiscard]] std::size_t left() const { return left_.size(); }
  void spoil() { bad_ = true; }

 private:
  template <class T>
  T get() {
    T value{};
    const std::string_view bytes = raw(sizeof(T));
    if (bytes.size() == sizeof(T)) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string_view left_;
  bool bad_ = false;
};

}  // namespace sluice::limiter
