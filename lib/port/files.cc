#include "lib/port/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "lib/port/unique_fd.h"

namespace sluice::port {

namespace {

Result<std::string> read_to_end(int fd, const std::string& path) {
  std::string text;
  std::array<char, 65'536> piece{};
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got == 0) return text;
    if (got > 0) {
      text.append(piece.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      return Error{Trouble::kUnavailable, path + ": cannot be read: " + std::strerror(errno)};
    }
  }
}

}  // namespace

Result<std::string> read_whole(const std::string& path) {
  if (path == "-") return read_to_end(STDIN_FILENO, "standard input");
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) {
    return Error{Trouble::kUnavailable, path + ": cannot be read: " + std::strerror(errno)};
  }
  return read_to_end(file.get(), path);
}

}  // namespace sluice::port
