#include "lib/port/random.h"

#include <sys/random.h>

#include <cerrno>

#include "lib/base/check.h"

namespace sluice::port {

namespace {

void fill(char* into, std::size_t count) {
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got = getrandom(into + filled, count - filled, 0);
    CHECK(got > 0 || errno == EINTR);
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
}

}  // namespace

std::uint64_t random_id() {
  std::uint64_t id = 0;
  while (id == 0) fill(reinterpret_cast<char*>(&id), sizeof id);
  return id;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  fill(bytes.data(), count);
  return bytes;
}

}  // namespace sluice::port
