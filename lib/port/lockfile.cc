#include "lib/port/lockfile.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace sluice::port {

namespace {

Error world_failed(const std::string& what) {
  return {Trouble::kUnavailable, what + ": " + std::strerror(errno)};
}

std::string read_holder(int fd) {
  std::string text(32, '\0');
  const ssize_t got = pread(fd, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? "another process" : "process " + text;
}

}  // namespace

Status make_directory(const std::string& path) {
  std::filesystem::path made;
  std::error_code unknown;
  for (const auto& part : std::filesystem::path(path)) {
    made /= part;
    if (mkdir(made.c_str(), 0700) != 0 && !std::filesystem::is_directory(made, unknown)) {
      return world_failed("cannot make " + made.string());
    }
  }
  return Done{};
}

Result<UniqueFd> lock_file(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) {
    if (auto made = make_directory(parent.string()); !made) return made.error();
  }
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.open()) return world_failed("cannot open " + path);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return world_failed("cannot lock " + path);
    return Error{Trouble::kUnavailable, path + " is locked by " + read_holder(fd.get())};
  }
  const std::string holder = std::to_string(getpid()) + "\n";
  if (ftruncate(fd.get(), 0) != 0 || pwrite(fd.get(), holder.data(), holder.size(), 0) < 0) {
    return world_failed("cannot write " + path);
  }
  return fd;
}

}  // namespace sluice::port
