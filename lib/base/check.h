// CHECK(condition): our own bug. On in production: prints the place and the condition, then aborts.
// Never for what a user, a peer or the world can cause; those get a Result.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace sluice {

[[noreturn]] inline void check_failed(const char* file, int line, const char* what) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, what);
  std::abort();
}

}  // namespace sluice

#define CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::sluice::check_failed(__FILE__, __LINE__, #condition))
