#include "lib/port/unique_fd.h"

#include <unistd.h>

namespace sluice::port {

UniqueFd::~UniqueFd() { close(); }

void UniqueFd::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace sluice::port
