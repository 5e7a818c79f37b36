// MARK("what happens here"): a rare path that the simulation's seeds must reach (tests/sim/marks.h
// reads how often each was). It decides nothing and no one reads it in a process; it costs one
// addition on a path that is rare. In .cc files only, outside of templates; names are unique.
#pragma once

#include <cstdint>

namespace sluice {

// All marks of a program lie next to each other in a section of their own: a table without a
// registration. The alignment is its stride.
struct alignas(32) Mark {
  const char* name;
  const char* file;
  std::uint64_t line;
  std::uint64_t hits;
};

}  // namespace sluice

#define MARK(what)                                                                         \
  do {                                                                                     \
    [[gnu::section("sluice_marks"), gnu::used]] static ::sluice::Mark mark{what, __FILE__, \
                                                                           __LINE__, 0};   \
    ++mark.hits;                                                                           \
  } while (false)
