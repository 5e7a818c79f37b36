#include "lib/port/clock.h"

#include <ctime>

#include "lib/base/check.h"

namespace sluice::port {

namespace {

std::int64_t read_clock(clockid_t clock) {
  timespec time{};
  CHECK(clock_gettime(clock, &time) == 0);
  return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1'000;
}

}  // namespace

Instant steady_now() { return {read_clock(CLOCK_BOOTTIME)}; }
StoreTime wall_now() { return {read_clock(CLOCK_REALTIME)}; }

}  // namespace sluice::port
