// Messages with every field filled by drawn values inside its bounds.
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "lib/base/prng.h"
#include "lib/wire/messages.h"
#include "lib/wire/shape.h"

namespace sluice::wire {

// Fills every field of a message with drawn values inside its bounds.
struct Filler {
  Prng& prng;

  template <Number T>
  void operator()(int, const char*, T& value, Whole bound) {
    value = from_varint<T>(static_cast<std::uint64_t>(prng.between(bound.min, bound.max)));
  }
  template <Number T>
  void operator()(int, const char*, T& value, OneOf bound) {
    value = static_cast<T>(prng.between(bound.first, bound.last));
  }
  void operator()(int, const char*, bool& value, Flag) { value = prng.chance(500'000); }
  void operator()(int, const char*, std::string& value, Text bound) {
    value = text(bound.min, std::min<std::size_t>(bound.max, bound.min + 40), 'a', 26);
  }
  void operator()(int, const char*, std::string& value, Bytes bound) {
    value = text(bound.min, std::min<std::size_t>(bound.max, bound.min + 40), '\0', 256);
  }
  template <class M>
  void operator()(int, const char*, M& value, One) {
    M::fields(value, *this);
  }
  template <class M>
  void operator()(int, const char*, std::vector<M>& value, Many) {
    value.resize(prng.below(4));
    for (M& one : value) M::fields(one, *this);
  }
  std::string text(std::size_t min, std::size_t max, char first, std::uint64_t many) {
    std::string drawn(static_cast<std::size_t>(prng.between(static_cast<std::int64_t>(min),
                                                            static_cast<std::int64_t>(max))),
                      ' ');
    for (char& c : drawn) c = static_cast<char>(first + static_cast<char>(prng.below(many)));
    return drawn;
  }
};

// Makes `item` the kind with that index in the Item variant, every field filled.
template <std::size_t Index = 0>
void fill_kind(std::size_t index, Item& item, Prng& prng) {
  if constexpr (Index < std::variant_size_v<Item>) {
    if (Index != index) return fill_kind<Index + 1>(index, item, prng);
    Filler filler{prng};
    auto& body = item.emplace<Index>();
    std::decay_t<decltype(body)>::fields(body, filler);
  }
}

}  // namespace sluice::wire
