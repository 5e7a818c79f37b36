// How a message says what it is made of: one table per message, read by the encoder, the decoder,
// the validator and the tests (codec.h, valid.h). A row is
//
//   row(number, "name", member, bound)
//
// number and name are those of the .proto file (a contract test compares the two, byte for byte,
// against protoc's own code); the bound is what invalid() enforces.
#pragma once

#include <cstdint>
#include <limits>

namespace sluice::wire {

// UTF-8 text of at least `min` and at most `max` bytes, without control characters.
struct Text {
  std::size_t min = 0;
  std::size_t max = 256;
};
// Any bytes.
struct Bytes {
  std::size_t min = 0;
  std::size_t max = 0;
};
constexpr Bytes exactly(std::size_t size) { return {size, size}; }
struct Whole {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};
// An enum whose known values are first..last.
struct OneOf {
  std::uint32_t first = 1;
  std::uint32_t last = 1;
};
// A nested message, or at most `max` of them.
struct One {};
struct Many {
  std::size_t max = 0;
};
struct Flag {};

}  // namespace sluice::wire
