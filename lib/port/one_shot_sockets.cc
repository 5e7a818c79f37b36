#include "lib/port/one_shot_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::port {

namespace {

// 0: it has none yet.
int local_port_of(int fd) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length) != 0) return 0;
  if (name.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&name)->sin_port);
  if (name.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&name)->sin6_port);
  return 0;
}

}  // namespace

int ShotSockets::open(int family, int type, int protocol) {
  const int fd = socket(family, type | SOCK_CLOEXEC, protocol);
  if (fd >= 0) sockets_[fd] = {0, family == AF_INET6};
  return fd;
}

int ShotSockets::close(int fd) {
  sockets_.erase(fd);
  return ::close(fd);
}

bool ShotSockets::limit(std::string_view local_ip, int local_port, Duration longest) {
  const bool v6 = local_ip.find(':') != std::string_view::npos;
  for (auto& [fd, local] : sockets_) {
    if (local.v6 != v6) continue;
    if (local.port == 0) local.port = local_port_of(fd);
    if (local.port == local_port && local_port != 0) return limit(fd, longest);
  }
  return false;
}

bool ShotSockets::limit(int fd, Duration longest) {
  const auto most = static_cast<unsigned>(std::max<std::int64_t>(1, longest.us / 1000));
  return setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &most, sizeof most) == 0;
}

}  // namespace sluice::port
