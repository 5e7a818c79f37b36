#include "bench/floors/echo_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace sluice::bench {

namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{}\n";

// The bytes of the request at the front, 0 while it is not whole.
std::size_t request_size(const std::string& in) {
  const std::size_t end = in.find("\r\n\r\n");
  const std::size_t length = in.find("Content-Length: ");
  if (end == in.npos || length == in.npos) return 0;
  const std::size_t size = end + 4 + std::strtoul(in.c_str() + length + 16, nullptr, 10);
  return in.size() < size ? 0 : size;
}

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

int listen_anywhere(std::uint16_t& port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 1024) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port = ntohs(address.sin_port);
  return fd;
}

void serve_answers(int listener) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::map<int, std::string> received;
  std::array<epoll_event, 128> events;
  std::array<char, 65'536> buffer;
  watch(epoll, listener);
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        const int on = 1;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(epoll, accepted);
        continue;
      }
      const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
        continue;
      }
      std::string& in = received[fd];
      in.append(buffer.data(), static_cast<std::size_t>(got));
      for (std::size_t size = request_size(in); size > 0; size = request_size(in)) {
        in.erase(0, size);
        (void)send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
      }
    }
  }
}

}  // namespace sluice::bench
