// CPU of this process so far, user and system, in microseconds.
#pragma once

#include <sys/resource.h>

namespace sluice::bench {

inline double own_cpu_us() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

}  // namespace sluice::bench
