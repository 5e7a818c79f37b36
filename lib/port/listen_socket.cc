#include "lib/port/listen_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace sluice::port {

namespace {

constexpr int kBacklog = 1024;

using Found = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Result<Found> look_up(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = colon == std::string::npos ? "" : address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  // getaddrinfo would take 99999 for 34463.
  std::uint16_t port = 0;
  const char* end = address.data() + address.size();
  const char* digits = colon == std::string::npos ? end : address.data() + colon + 1;
  const auto [stop, failed] = std::from_chars(digits, end, port);
  const bool numbered = digits != end && failed == std::errc{} && stop == end;
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const bool right = !host.empty() && numbered &&
                     getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) == 0;
  if (!right) {
    return Error{Trouble::kSettings,
                 "\"" + address + "\" is no address and port, such as 127.0.0.1:8080"};
  }
  return Found(found, &freeaddrinfo);
}

}  // namespace

Result<UniqueFd> listen_on(const std::string& address) {
  auto found = look_up(address);
  if (!found) return found.error();
  const addrinfo& where = **found;
  UniqueFd fd(socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  const bool listens =
      fd.open() && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      bind(fd.get(), where.ai_addr, where.ai_addrlen) == 0 && listen(fd.get(), kBacklog) == 0;
  if (!listens) {
    return Error{Trouble::kUnavailable, "cannot listen on " + address + ": " +
                                            std::strerror(errno) +
                                            (errno == EADDRINUSE ? " (by another process)" : "")};
  }
  return fd;
}

Status check_listen(const std::string& address) {
  const auto found = look_up(address);
  if (!found) return found.error();
  return Done{};
}

std::uint16_t port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  // Both families have the port at the same place.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

}  // namespace sluice::port
