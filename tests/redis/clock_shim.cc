// Preloaded into a redis-server of a test: its CLOCK_REALTIME is what the test says, so that TIME,
// expiry and all that follows from them run in virtual time. The file that SLUICE_TEST_CLOCK names
// has two numbers, `mode` and `value`: 0: the real time; 1: the real time + value microseconds;
// 2: value microseconds after 1970, for ever. The monotonic clock stays real.
//
// It may be called before the program's allocator is ready: nothing here allocates.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

struct Clock {
  volatile std::int64_t mode;
  volatile std::int64_t value;
};

const Clock* told() {
  static const Clock* clock = nullptr;
  static bool looked = false;
  if (looked) return clock;
  const char* path = getenv("SLUICE_TEST_CLOCK");
  if (path == nullptr) return nullptr;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* at = mmap(nullptr, sizeof(Clock), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (at == MAP_FAILED) return nullptr;
  clock = static_cast<const Clock*>(at);
  looked = true;
  return clock;
}

std::int64_t real_us() {
  timespec now{};
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000;
}

std::int64_t told_us() {
  const Clock* clock = told();
  if (clock == nullptr || clock->mode == 0) return real_us();
  return clock->mode == 1 ? real_us() + clock->value : clock->value;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t id, timespec* out) {
  if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE) {
    return static_cast<int>(syscall(SYS_clock_gettime, id, out));
  }
  const std::int64_t now = told_us();
  *out = {now / 1'000'000, now % 1'000'000 * 1'000};
  return 0;
}

int gettimeofday(timeval* out, void*) {
  const std::int64_t now = told_us();
  *out = {now / 1'000'000, now % 1'000'000};
  return 0;
}

time_t time(time_t* out) {
  const time_t now = told_us() / 1'000'000;
  if (out != nullptr) *out = now;
  return now;
}

}  // extern "C"
