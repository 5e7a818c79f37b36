// Which C++ types a row of a message's table can have, and what each is on the wire. Included by
// codec.cc and valid.cc only.
#pragma once

#include <cstdint>
#include <type_traits>

#include "lib/base/instant.h"

namespace sluice::wire {

template <class T>
concept Micros = requires(T t) {
  t.us;
};
template <class T>
concept Number = std::is_integral_v<T> || std::is_enum_v<T> || Micros<T>;

template <Number T>
constexpr std::uint64_t to_varint(T value) {
  if constexpr (Micros<T>) {
    return static_cast<std::uint64_t>(value.us);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  } else {
    return static_cast<std::uint64_t>(value);
  }
}

template <Number T>
constexpr T from_varint(std::uint64_t varint) {
  if constexpr (Micros<T>) {
    return T{static_cast<std::int64_t>(varint)};
  } else if constexpr (std::is_same_v<T, bool>) {
    return varint != 0;
  } else {
    return static_cast<T>(varint);
  }
}

// What Whole{min, max} compares. An unsigned value above the signed range counts as its maximum.
template <Number T>
constexpr std::int64_t to_signed(T value) {
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    constexpr std::uint64_t kMax = static_cast<std::uint64_t>(INT64_MAX);
    return static_cast<std::int64_t>(value < kMax ? value : kMax);
  } else {
    return static_cast<std::int64_t>(to_varint(value));
  }
}

}  // namespace sluice::wire
